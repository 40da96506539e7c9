/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.schedule;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.Queue;
import java.util.function.BinaryOperator;

/**
 * The ticks of a client in a span of time, in ascending order, computed one by one: the next match
 * is found from the fields of the crons, so that a yearly cron costs no more than a daily one.
 *
 * <p>Several crons, or several local times in one gap, that name one business date at one instant
 * are one tick. Two business dates can share an instant: after a skipped midnight the tick of the
 * night may be due together with the next one. They come in the order of their local times.
 *
 * <p>Local times that the clock skips or repeats:
 *
 * <ul>
 *   <li>RunOnce: a skipped time is due at the end of the gap, a repeated time at its first
 *       occurrence only. Crons whose hour is * follow real time instead: skipped times do not
 *       occur, repeated times are due twice. But an hour of which the clock skips only a part keeps
 *       a tick: if all its times are skipped, the last of them is due at the end of the gap.
 *   <li>Strict: a skipped time is a tick with {@link SkipReason#DaylightSavingGap} at the end of
 *       the gap, a repeated time is due at its first occurrence only. This holds for all crons.
 * </ul>
 *
 * <p>Ignores {@link TickRules#suspended}. Not thread-safe.
 */
public final class TickWalk implements Iterator<Candidate> {

  /** How far {@link #next(TickRules, Instant)} searches; 29 February may be eight years away. */
  private static final Duration SEARCH = Duration.ofDays(9 * 366);

  private static final Comparator<Candidate> ORDER =
      Comparator.comparing(Candidate::scheduled).thenComparing(Candidate::businessDate);

  /** Of two with the same date and instant: the one that can start a run, then the usual one. */
  private static final Comparator<Candidate> PREFERENCE =
      Comparator.<Candidate, Boolean>comparing(c -> c.skip() != null)
          .thenComparing(Candidate::note)
          .thenComparing(Candidate::scheduled);

  private final List<CronWalk> walks = new ArrayList<>();
  private final Queue<Candidate> due = new ArrayDeque<>();

  private TickWalk(TickRules rules, Instant after, Instant until) {
    for (CronExpression cron : rules.crons()) {
      walks.add(new CronWalk(rules, cron, after, until));
    }
  }

  /** The ticks of {@code (after, until]} that are within startTime and endTime of the rules. */
  public static TickWalk of(TickRules rules, Instant after, Instant until) {
    Instant start = rules.startTime();
    Instant end = rules.endTime();
    return new TickWalk(
        rules,
        start != null && start.isAfter(after) ? start.minusNanos(1) : after,
        end != null && !end.isAfter(until) ? end.minusNanos(1) : until);
  }

  /**
   * The first tick after the instant that can start a run, also of suspended rules; empty if there
   * is none within nine years.
   */
  public static Optional<Candidate> next(TickRules rules, Instant after) {
    TickWalk walk = of(rules, after, after.plus(SEARCH));
    while (walk.hasNext()) {
      Candidate candidate = walk.next();
      if (candidate.skip() == null) {
        return Optional.of(candidate);
      }
    }
    return Optional.empty();
  }

  @Override
  public boolean hasNext() {
    if (due.isEmpty()) {
      collect();
    }
    return !due.isEmpty();
  }

  @Override
  public Candidate next() {
    if (!hasNext()) {
      throw new NoSuchElementException("no more ticks");
    }
    return due.remove();
  }

  /** Takes the ticks of the next instant from all crons. */
  private void collect() {
    Instant instant = null;
    for (CronWalk walk : walks) {
      Candidate head = walk.head();
      if (head != null && (instant == null || head.nominal().isBefore(instant))) {
        instant = head.nominal();
      }
    }
    for (CronWalk walk : walks) {
      Candidate head = walk.head();
      while (head != null && head.nominal().equals(instant)) {
        due.add(head);
        walk.advance();
        head = walk.head();
      }
    }
    if (due.size() > 1) {
      List<Candidate> merged = oneEachDate(due);
      due.clear();
      due.addAll(merged);
    }
  }

  private static List<Candidate> oneEachDate(Iterable<Candidate> found) {
    Map<String, Candidate> byDate = new HashMap<>();
    for (Candidate candidate : found) {
      byDate.merge(candidate.businessDate(), candidate, BinaryOperator.minBy(PREFERENCE));
    }
    return byDate.values().stream().sorted(ORDER).toList();
  }
}
