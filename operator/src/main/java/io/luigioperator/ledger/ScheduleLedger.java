/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import io.luigioperator.run.NewRun;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.ScheduleKey;
import io.luigioperator.schedule.TickGap;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The ticks of schedules. For each client, {@code decidedUntil} moves forward only, in the same
 * transaction as the ticks up to it, so that every cron time is decided exactly once, also by
 * several operators.
 */
public interface ScheduleLedger {

  /**
   * Makes a cluster the owner of a schedule that has none, or whose owner is retired. Only the
   * owner decides cron times.
   *
   * @return the identity of the owner afterwards
   */
  String own(ScheduleKey schedule, String cluster);

  /** Leaves a schedule without owner, because its object was deleted in this cluster. */
  void disown(ScheduleKey schedule, String cluster);

  /** The schedules that a cluster owns, by id, after {@code after}. */
  List<ScheduleKey> owned(String cluster, Optional<ScheduleKey> after, int limit);

  /**
   * The business dates that have fired, from {@code first} on, by client. Clients without any are
   * left out.
   *
   * @param clients at least one
   */
  Map<String, Set<String>> firedDates(ScheduleKey schedule, List<String> clients, String first);

  /** The clients of a schedule, also those that it does not list any more, after {@code after}. */
  List<ScheduledClient> clients(ScheduleKey schedule, Optional<String> after, int limit);

  /**
   * Decides cron times, each client in one transaction with its new runs, up to 50 runs in one
   * commit. Each client gets its own answer: a refused one does not affect the others.
   *
   * @param decisions at most one for each client, with at most {@link #MAX_RUNS} runs each
   * @return one answer for each decision, in the same order
   */
  List<TickAnswer> decide(ScheduleKey schedule, String cluster, List<ClientDecision> decisions);

  /** Runs in one decision of a client. */
  int MAX_RUNS = 50;

  /**
   * A client of a schedule.
   *
   * @param decidedUntil every cron time up to and including this time is decided
   * @param rules JSON that later cron times are decided by; empty while it is not listed
   */
  record ScheduledClient(String client, Instant decidedUntil, Optional<String> rules) {}

  /**
   * The decisions for the cron times of one client in ({@code from}, {@code until}].
   *
   * @param from decidedUntil on which the decisions are based; empty if the client has no row, or
   *     no rules
   * @param rules JSON that cron times after {@code until} are decided by; empty if the schedule
   *     does not list the client any more
   * @param ticks ascending; several may have the same business date
   */
  record ClientDecision(
      String client,
      Optional<Instant> from,
      Instant until,
      Optional<String> rules,
      List<Tick> ticks,
      List<TickGap> gaps) {

    /** How many cron times it decides. */
    public long cronTimes() {
      return ticks.size() + gaps.stream().mapToLong(TickGap::count).sum();
    }

    /** The same up to another time. */
    ClientDecision until(Instant time) {
      return new ClientDecision(client, from, time, rules, ticks, gaps);
    }

    /** The runs of the ticks that fire. */
    public List<NewRun> runs() {
      return ticks.stream().flatMap(tick -> tick.run().stream()).toList();
    }
  }

  /**
   * The decision for one cron time.
   *
   * @param cronTime to the second
   * @param reason why it is skipped; empty if it fires
   * @param run the run if it fires. If the business date is FIRED already, nothing is accepted.
   */
  record Tick(String businessDate, Instant cronTime, String reason, Optional<NewRun> run) {}

  /** The answer for one client. */
  sealed interface TickAnswer {
    /**
     * Everything is written.
     *
     * @param fired runs that began with it
     */
    record Decided(int fired) implements TickAnswer {}

    /** Nothing is written: the client is decided until another time than {@code from}. */
    record Stale() implements TickAnswer {}

    /** Nothing is written: another cluster owns the schedule. */
    record NotOwner() implements TickAnswer {}

    /** Nothing is written: a run of this name exists with another request. */
    record NameTaken(RunKey run) implements TickAnswer {}

    /** Nothing is written: the database refuses the rows permanently. */
    record Refused(String message) implements TickAnswer {}
  }
}
