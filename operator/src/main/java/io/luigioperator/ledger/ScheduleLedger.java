/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import io.luigioperator.api.DeletionPolicy;
import io.luigioperator.run.DatedRun;
import io.luigioperator.run.NewRun;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.ScheduleKey;
import io.luigioperator.run.ScheduleObject;
import io.luigioperator.schedule.TickGap;
import java.time.Instant;
import java.util.Collection;
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

  /** Leaves a schedule without owner, because its object is missing in this cluster. */
  void disown(ScheduleKey schedule, String cluster);

  /**
   * Sets how many runs of a schedule may count against its limit (see {@link
   * Run#countsAgainstLimit}); the last call counts, also of another cluster. Runs that are
   * accepted, become due or are released later are HELD with the reason ScheduleLimit instead of
   * READY, and only {@link #enforceLimit} releases them.
   *
   * @param maxRuns at least 1; empty: no limit
   */
  void limit(ScheduleKey schedule, Optional<Integer> maxRuns);

  /**
   * The schedules that have a limit, or of which runs may still wait for an earlier one, by id,
   * after {@code after}.
   */
  List<LimitedSchedule> limited(Optional<ScheduleKey> after, int limit);

  /**
   * Releases the first runs that wait for the limit of a schedule, in the order of admission, as
   * long as fewer runs count than it allows; or holds the last READY ones if more do. At most 50
   * runs are changed: it is repeated until there are none.
   */
  LimitChange enforceLimit(ScheduleKey schedule);

  /** Records the spec that the owner of a schedule applies. Nothing if another cluster owns it. */
  void applied(ScheduleKey schedule, String cluster, AppliedSpec spec);

  /**
   * As {@link #disown}, because a user deleted the object. If its {@link AppliedSpec} asks for it,
   * the runs that it created are canceled first, as far as they have not started or are held: up to
   * {@link #MAX_RUNS} in one commit.
   */
  Deletion deleted(ScheduleKey schedule, String cluster, String reason, String message);

  /** The schedules that a cluster owns, by id, after {@code after}. */
  List<OwnedSchedule> owned(String cluster, Optional<ScheduleKey> after, int limit);

  /**
   * Those of some runs that a schedule created for a client, and that have ended.
   *
   * @param runs at least one
   */
  Set<RunKey> endedRuns(ScheduleKey schedule, String client, Collection<RunKey> runs);

  /**
   * The business dates that have fired, from {@code first} on, by client. Clients without any are
   * left out.
   *
   * @param clients at least one
   */
  Map<String, Set<String>> firedDates(ScheduleKey schedule, List<String> clients, String first);

  /**
   * The newest runs of clients by business date, also those that users created. Runs without a
   * business date are left out.
   *
   * @param clients from 1 to {@link #MAX_CLIENTS}, each once
   * @param limit on the runs of each client
   * @return by client, the newest date first, the runs of one date in no particular order. Clients
   *     without any are left out
   */
  Map<ClientKey, List<DatedRun>> newestRuns(List<ClientKey> clients, int limit);

  /** Clients whose runs can be read at once. */
  int MAX_CLIENTS = 100;

  /** A client of a schedule. */
  record ClientKey(ScheduleKey schedule, String client) {}

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

  /** Runs in one decision of a client, and in one commit of a deletion. */
  int MAX_RUNS = 50;

  /**
   * The use of the limit of a schedule.
   *
   * @param maxRuns empty: no limit any more
   * @param ready READY runs that count; not counted without a limit
   * @param busy other runs that count: ACTIVE, or DELAYED until their next attempt
   * @param waiting whether runs wait for the limit
   */
  record LimitedSchedule(
      ScheduleKey schedule, Optional<Integer> maxRuns, long ready, long busy, boolean waiting) {

    /** Runs that count. */
    public long counting() {
      return ready + busy;
    }

    /** How many runs may be released; more than that may wait, or fewer. */
    long released() {
      return waiting ? maxRuns.map(max -> max - counting()).orElse(Long.MAX_VALUE) : 0;
    }

    /** How many READY runs are to be held. */
    long held() {
      return Math.min(ready, maxRuns.map(max -> counting() - max).orElse(0L));
    }

    /** Whether {@link ScheduleLedger#enforceLimit} would change something. */
    public boolean isUnsettled() {
      return released() > 0 || held() > 0 || maxRuns.isEmpty();
    }
  }

  /**
   * What was changed because of the limit of a schedule.
   *
   * @param before empty if the schedule has no limit, and no runs wait for an earlier one
   * @param changed runs that were released, or held
   */
  record LimitChange(Optional<LimitedSchedule> before, List<Run> changed) {}

  /**
   * What must be known of a schedule after its object was deleted.
   *
   * @param createdAt of the object; time of the API server
   */
  record AppliedSpec(DeletionPolicy deletionPolicy, Instant createdAt) {
    public static AppliedSpec of(ScheduleObject schedule) {
      return new AppliedSpec(schedule.spec().deletionPolicy(), schedule.createdAt());
    }

    /** The same, but its deletion cancels nothing. */
    public AppliedSpec keepingRuns() {
      return new AppliedSpec(DeletionPolicy.Retain, createdAt);
    }
  }

  /**
   * A schedule that a cluster owns.
   *
   * @param applied empty until the owner has applied a spec
   */
  record OwnedSchedule(ScheduleKey key, Optional<AppliedSpec> applied) {}

  /**
   * One commit of a deletion.
   *
   * @param canceled the runs that it canceled
   * @param complete whether the cluster does not own the schedule any more; if not, it must be
   *     repeated
   */
  record Deletion(List<Run> canceled, boolean complete) {}

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
