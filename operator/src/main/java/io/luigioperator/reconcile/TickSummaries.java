/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.luigioperator.run.ScheduleKey;
import io.luigioperator.run.TickSummary;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;

/**
 * What the status of each schedule shows of its ticks, and when it may be written.
 *
 * <p>{@link #get} and {@link #onChange} may be called by several threads at once; everything else
 * is called by the thread of {@link TickLoop}.
 */
final class TickSummaries {

  /** A status is written at most so often because of cron times. */
  private static final Duration INTERVAL = Duration.ofMinutes(1);

  private volatile Consumer<ScheduleKey> listener = schedule -> {};
  private final Map<ScheduleKey, TickSummary> summaries = new ConcurrentHashMap<>();
  private final Map<ScheduleKey, Instant> allowedAt = new HashMap<>();
  private final Set<ScheduleKey> outdated = new HashSet<>();

  void onChange(Consumer<ScheduleKey> called) {
    listener = called;
  }

  TickSummary get(ScheduleKey schedule) {
    return summaries.getOrDefault(schedule, TickSummary.EMPTY);
  }

  /** If the summary has changed, the status follows as soon as it may be written again. */
  void put(ScheduleKey schedule, TickSummary summary) {
    if (!summary.equals(summaries.put(schedule, summary))) {
      outdated.add(schedule);
    }
  }

  /** The status may be written at once. */
  void allow(ScheduleKey schedule) {
    allowedAt.remove(schedule);
  }

  void forget(ScheduleKey schedule) {
    summaries.remove(schedule);
    outdated.remove(schedule);
    allowedAt.remove(schedule);
  }

  void clear() {
    summaries.clear();
  }

  /**
   * Has the statuses written that are outdated and may be written.
   *
   * @return when the next one may be written; empty if none is outdated
   */
  Optional<Instant> writeOutdated(Instant now) {
    Optional<Instant> next = Optional.empty();
    for (ScheduleKey schedule : List.copyOf(outdated)) {
      Instant allowed = allowedAt.getOrDefault(schedule, now);
      if (!allowed.isAfter(now)) {
        outdated.remove(schedule);
        allowedAt.put(schedule, now.plus(INTERVAL));
        listener.accept(schedule);
      } else if (next.isEmpty() || allowed.isBefore(next.get())) {
        next = Optional.of(allowed);
      }
    }
    return next;
  }
}
