/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.schedule;

import java.time.Instant;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Collects decisions; long runs of skipped ticks with one reason become gaps. */
final class DecisionLog {

  /** So many consecutive ticks with one reason are listed one by one. */
  private static final int LISTED = 10;

  private final List<Decision> decided = new ArrayList<>();
  private final List<TickGap> gaps = new ArrayList<>();
  private final Map<SkipReason, Long> skipped = new EnumMap<>(SkipReason.class);

  /** The ticks of the open run while it is short. */
  private final List<Decision> open = new ArrayList<>();

  private @Nullable SkipReason reason;
  private Instant from = Instant.MIN;
  private Instant to = Instant.MIN;
  private long count;

  void fired(Candidate candidate, boolean catchUp) {
    close();
    decided.add(new Decision.Fired(candidate, catchUp));
  }

  void skipped(Candidate candidate, SkipReason why) {
    if (reason != why) {
      close();
      reason = why;
      from = candidate.nominal();
    }
    to = candidate.nominal();
    count++;
    if (count <= LISTED) {
      open.add(new Decision.Skipped(candidate, why));
    } else {
      open.clear();
    }
  }

  private void close() {
    if (reason != null) {
      skipped.merge(reason, count, Long::sum);
      if (count > LISTED) {
        gaps.add(new TickGap(from, to, count, reason));
      }
    }
    decided.addAll(open);
    open.clear();
    reason = null;
    count = 0;
  }

  /** Entries of both lists so far. */
  int size() {
    return decided.size() + gaps.size();
  }

  TickDecisions result(long droppedDates, Instant decidedUntil, boolean complete) {
    close();
    return new TickDecisions(decided, gaps, skipped, droppedDates, decidedUntil, complete);
  }
}
