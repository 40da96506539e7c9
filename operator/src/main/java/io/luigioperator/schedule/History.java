/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.schedule;

import io.luigioperator.api.HistorySpec;
import io.luigioperator.run.RecordedOutcome;
import io.luigioperator.run.RunObject;
import io.luigioperator.run.RunState;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/** Which ended PipelineRuns of one client of a schedule are kept: the ones that ended last. */
public final class History {

  private static final Comparator<RunObject> LAST_FIRST =
      Comparator.comparing(History::endedAt).thenComparing(RunObject::key).reversed();

  private History() {}

  /** Whether its status shows that its run has ended, and it is not being deleted yet. */
  public static boolean isEnded(RunObject run) {
    return !run.deleting() && run.outcome().isPresent();
  }

  /**
   * Those that are not kept.
   *
   * @param ended see {@link #isEnded}
   */
  public static List<RunObject> beyond(HistorySpec history, List<RunObject> ended) {
    return Stream.concat(
            ended.stream()
                .filter(History::hasSucceeded)
                .sorted(LAST_FIRST)
                .skip(history.succeeded()),
            ended.stream()
                .filter(run -> !hasSucceeded(run))
                .sorted(LAST_FIRST)
                .skip(history.failed()))
        .toList();
  }

  private static boolean hasSucceeded(RunObject run) {
    return run.outcome().orElseThrow().state() == RunState.SUCCEEDED;
  }

  private static Instant endedAt(RunObject run) {
    return run.outcome().flatMap(RecordedOutcome::finishedAt).orElse(run.createdAt());
  }
}
