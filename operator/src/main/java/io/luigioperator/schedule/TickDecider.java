/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.schedule;

import io.luigioperator.run.Instants;
import java.time.Duration;
import java.time.Instant;
import java.util.HashSet;
import java.util.NavigableSet;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Decides the ticks of one client between two instants.
 *
 * <p>A business date runs once: at the first of its ticks that is not skipped. A tick that is
 * decided at most {@link #ON_TIME} after its nominal time is on time and fires. An older one was
 * missed and fires if the catch-up allows its date; dates that have a run, or that a tick on time
 * runs anyway, do not count against that. With policy All the latest dates run, oldest first.
 */
public final class TickDecider {

  /** A tick that is decided within this time is no catch-up. */
  public static final Duration ON_TIME = Duration.ofMinutes(5);

  /** One call returns about so many entries at most, whatever the number of ticks. */
  public static final int MAX_ENTRIES = 1000;

  private final TickRules rules;
  private final CatchUp catchUp;
  private final Predicate<String> fired;
  private final Instant onTimeFrom;
  private final Instant windowFrom;
  private final Set<String> onTimeDates = new HashSet<>();
  private final NavigableSet<String> catchUpDates = new TreeSet<>();
  private final Set<String> firedNow = new HashSet<>();
  private final DecisionLog log = new DecisionLog();
  private long droppedDates;
  private @Nullable String lastDropped;

  private TickDecider(TickRules rules, Instant now, CatchUp catchUp, Predicate<String> fired) {
    this.rules = rules;
    this.catchUp = catchUp;
    this.fired = fired;
    onTimeFrom = now.minus(ON_TIME);
    windowFrom = now.minusSeconds(catchUp.windowSeconds());
  }

  /**
   * Decides the ticks of {@code (decidedUntil, now]}. Memory depends on the allowance of the
   * catch-up, not on the number of ticks.
   *
   * @param now the current time; if it is before decidedUntil, nothing is decided
   * @param fired whether a business date has a run already; called several times for a date
   */
  public static TickDecisions decide(
      TickRules rules,
      Instant decidedUntil,
      Instant now,
      CatchUp catchUp,
      Predicate<String> fired) {
    TickDecider decider = new TickDecider(rules, now, catchUp, fired);
    if (now.isBefore(decidedUntil)) {
      return decider.log.result(0, decidedUntil, true);
    }
    if (!rules.suspended()) {
      decider.selectDates(decidedUntil, now);
    }
    return decider.decide(decidedUntil, now);
  }

  private void selectDates(Instant decidedUntil, Instant now) {
    Instant missedUntil = onTimeFrom.minusNanos(1);
    addRunnable(Instants.later(decidedUntil, missedUntil), now, onTimeDates::add);
    if (catchUp.allowance() == 0 || !decidedUntil.isBefore(missedUntil)) {
      return;
    }
    Instant first = Instants.later(decidedUntil, windowFrom.minusNanos(1));
    // the latest dates are wanted, and the walk goes forward: begin with the last day
    Duration span = Duration.ofDays(1);
    Instant from;
    do {
      catchUpDates.clear();
      from = Instants.later(first, missedUntil.minus(span));
      addRunnable(from, missedUntil, this::addCatchUpDate);
      span = span.multipliedBy(2);
    } while (from.isAfter(first) && catchUpDates.size() < catchUp.allowance());
  }

  private void addRunnable(Instant after, Instant until, Consumer<String> dates) {
    TickWalk walk = TickWalk.of(rules, after, until);
    while (walk.hasNext()) {
      Candidate candidate = walk.next();
      String date = candidate.businessDate();
      if (candidate.skip() == null && !onTimeDates.contains(date) && !fired.test(date)) {
        dates.accept(date);
      }
    }
  }

  private void addCatchUpDate(String date) {
    catchUpDates.add(date);
    if (catchUpDates.size() > catchUp.allowance()) {
      catchUpDates.pollFirst();
    }
  }

  private TickDecisions decide(Instant decidedUntil, Instant now) {
    TickWalk walk = TickWalk.of(rules, decidedUntil, now);
    Instant last = decidedUntil;
    while (walk.hasNext()) {
      Candidate candidate = walk.next();
      if (log.size() >= MAX_ENTRIES && candidate.nominal().isAfter(last)) {
        return log.result(droppedDates, last, false);
      }
      last = candidate.nominal();
      decide(candidate);
    }
    return log.result(droppedDates, now, true);
  }

  private void decide(Candidate candidate) {
    String date = candidate.businessDate();
    if (rules.suspended()) {
      log.skipped(candidate, SkipReason.Suspended);
    } else if (candidate.skip() != null) {
      log.skipped(candidate, candidate.skip());
    } else if (firedNow.contains(date) || fired.test(date)) {
      log.skipped(candidate, SkipReason.DuplicateDate);
    } else if (!candidate.nominal().isBefore(onTimeFrom)) {
      fire(candidate, false);
    } else if (onTimeDates.contains(date)) {
      log.skipped(candidate, SkipReason.DuplicateDate);
    } else if (catchUpDates.contains(date) && !candidate.nominal().isBefore(windowFrom)) {
      fire(candidate, true);
    } else {
      drop(candidate);
    }
  }

  private void fire(Candidate candidate, boolean missed) {
    firedNow.add(candidate.businessDate());
    log.fired(candidate, missed);
  }

  private void drop(Candidate candidate) {
    String date = candidate.businessDate();
    if (!catchUpDates.contains(date) && !date.equals(lastDropped)) {
      droppedDates++;
      lastDropped = date;
    }
    log.skipped(candidate, dropReason(candidate));
  }

  private SkipReason dropReason(Candidate candidate) {
    boolean tooOld = candidate.nominal().isBefore(windowFrom);
    return switch (catchUp.policy()) {
      case None -> SkipReason.MissedNoCatchUp;
      case Latest -> tooOld ? SkipReason.CatchUpWindow : SkipReason.MissedNotLatest;
      case All -> tooOld ? SkipReason.CatchUpWindow : SkipReason.CatchUpLimit;
    };
  }
}
