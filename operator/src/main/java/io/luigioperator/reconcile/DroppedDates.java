/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.luigioperator.api.CatchUpPolicy;
import io.luigioperator.api.CatchUpSpec;
import io.luigioperator.job.Kube;
import io.luigioperator.run.Reasons;
import io.luigioperator.run.ScheduleObject;
import java.util.SortedMap;
import java.util.TreeMap;

/** Counts the missed business dates that the catch-up of a schedule does not run. */
final class DroppedDates {

  private static final int NAMED = 5;

  private final SortedMap<String, Long> byClient = new TreeMap<>();

  void add(String client, long dates) {
    if (dates > 0) {
      byClient.merge(client, dates, Long::sum);
    }
  }

  /** Writes an Event of the schedule, unless there are none. */
  void report(Kube kube, ScheduleObject schedule) {
    if (byClient.isEmpty()) {
      return;
    }
    CatchUpSpec catchUp = schedule.spec().catchUp();
    boolean truncated = catchUp.policy() == CatchUpPolicy.All;
    String why =
        truncated
            ? "catchUp allows %d dates for each client, of the last %d seconds"
                .formatted(catchUp.maxRunsPerClient(), catchUp.windowSeconds())
            : "catchUp.policy is " + catchUp.policy();
    kube.warn(
        schedule,
        truncated ? Reasons.CATCH_UP_TRUNCATED : Reasons.TICKS_MISSED,
        "%d missed business dates do not run, because %s; create PipelineRuns for them if they are needed: %s"
            .formatted(byClient.values().stream().mapToLong(n -> n).sum(), why, clients()));
  }

  private String clients() {
    StringBuilder text = new StringBuilder();
    byClient.entrySet().stream()
        .limit(NAMED)
        .forEach(
            e ->
                text.append(text.isEmpty() ? "" : ", ")
                    .append("%d of client %s".formatted(e.getValue(), e.getKey())));
    if (byClient.size() > NAMED) {
      text.append(" and %d more clients".formatted(byClient.size() - NAMED));
    }
    return text.toString();
  }
}
