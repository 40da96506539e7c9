/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.schedule;

import java.time.Instant;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/**
 * What becomes of the ticks of a client up to an instant. Every tick is in exactly one of {@code
 * decided} and {@code gaps}.
 *
 * @param decided in ascending order of time
 * @param gaps in ascending order of time
 * @param skipped number of ticks that start no run, by reason, in both lists
 * @param droppedDates business dates that the catch-up drops and no other tick of this call runs
 * @param decidedUntil all ticks up to here are decided
 * @param complete whether {@code decidedUntil} is the time that was asked for; if not, store these
 *     decisions and decide again from there
 */
public record TickDecisions(
    List<Decision> decided,
    List<TickGap> gaps,
    Map<SkipReason, Long> skipped,
    long droppedDates,
    Instant decidedUntil,
    boolean complete) {
  public TickDecisions {
    decided = List.copyOf(decided);
    gaps = List.copyOf(gaps);
    skipped = Map.copyOf(skipped);
  }

  /**
   * The same, but only up to the cron time of the last of so many runs. The others are decided by
   * the next call.
   */
  public TickDecisions upToRuns(int max) {
    int runs = 0;
    for (Decision decision : decided) {
      if (decision instanceof Decision.Fired && ++runs == max) {
        return upTo(decision.candidate().nominal());
      }
    }
    return this;
  }

  private TickDecisions upTo(Instant last) {
    if (!last.isBefore(decidedUntil)) {
      return this;
    }
    List<Decision> kept =
        decided.stream().filter(d -> !d.candidate().nominal().isAfter(last)).toList();
    List<TickGap> keptGaps = gaps.stream().filter(gap -> !gap.to().isAfter(last)).toList();
    Map<SkipReason, Long> reasons = new EnumMap<>(SkipReason.class);
    for (Decision decision : kept) {
      if (decision instanceof Decision.Skipped(Candidate _, SkipReason reason)) {
        reasons.merge(reason, 1L, Long::sum);
      }
    }
    keptGaps.forEach(gap -> reasons.merge(gap.reason(), gap.count(), Long::sum));
    return new TickDecisions(kept, keptGaps, reasons, droppedDates, last, false);
  }
}
