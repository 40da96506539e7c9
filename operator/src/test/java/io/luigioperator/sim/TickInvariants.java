/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.sim;

import static io.luigioperator.sim.Invariants.require;

import io.luigioperator.api.BackfillSpec;
import io.luigioperator.api.DeletionPolicy;
import io.luigioperator.ledger.BackfillLedger.Backfill;
import io.luigioperator.ledger.BackfillLedger.State;
import io.luigioperator.ledger.ScheduleLedger.ClientDecision;
import io.luigioperator.ledger.ScheduleLedger.Tick;
import io.luigioperator.run.ClusterIdentity;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunObject;
import io.luigioperator.run.ScheduleKey;
import io.luigioperator.run.ScheduleObject;
import io.luigioperator.schedule.ClientRules;
import io.luigioperator.schedule.History;
import io.luigioperator.schedule.TickGap;
import io.luigioperator.sim.CronTimes.CronTime;
import io.luigioperator.sim.SimSchedules.Commit;
import io.luigioperator.sim.SimSchedules.Date;
import io.luigioperator.sim.SimSchedules.GivenUp;
import io.luigioperator.sim.SimSchedules.Row;
import io.luigioperator.sim.SimSchedules.TickRow;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;

/**
 * What must hold for the ticks of {@link ScheduleActions#HOURLY}:
 *
 * <ul>
 *   <li>I6 a tick has at most one run, and FIRED is final
 *   <li>I12 every cron time is decided exactly once, by the rules that the client had then
 *   <li>I16 the deletion of a schedule cancels the waiting runs of its ticks, if that is its
 *       policy, and nothing else does
 *   <li>I17 of the ended PipelineRuns that operators created, the history is kept
 * </ul>
 *
 * Which cron times there are is computed by {@link CronTimes} from what users have applied.
 */
final class TickInvariants {

  private record Client(ScheduleKey schedule, String id) {}

  private final SimLedger ledger;
  private final ScheduleActions users;
  private final BooleanSupplier clockJumped;
  private final BooleanSupplier namespaceWasLost;

  /** As the commit before has left it. */
  private final Map<Client, Row> rows = new HashMap<>();

  private final Map<Client, Long> cronTimes = new HashMap<>();
  private final Map<Client, Long> cronTimesOfGaps = new HashMap<>();
  private final Map<Date, RunKey> fired = new TreeMap<>();

  /** Business dates with a cron time while their client was not suspended. */
  private final Set<Date> expected = new TreeSet<>();

  private int checked;
  private int checkedGivenUp;

  /**
   * @param clockJumped whether the clock of the database has ever jumped
   * @param namespaceWasLost whether a namespace has ever been away
   */
  TickInvariants(
      SimLedger ledger,
      ScheduleActions users,
      BooleanSupplier clockJumped,
      BooleanSupplier namespaceWasLost) {
    this.ledger = ledger;
    this.users = users;
    this.clockJumped = clockJumped;
    this.namespaceWasLost = namespaceWasLost;
  }

  /** After any event. */
  void check() {
    List<GivenUp> givenUp = ledger.schedules().givenUp();
    while (checkedGivenUp < givenUp.size()) {
      check(givenUp.get(checkedGivenUp++));
    }
    checkBackfills();
    List<Commit> commits = ledger.schedules().commits();
    if (checked == commits.size()) {
      return;
    }
    while (checked < commits.size()) {
      check(commits.get(checked++));
    }
    checkFired();
  }

  private void checkBackfills() {
    List<String> twice = ledger.backfills().processedTwice();
    require(twice.isEmpty(), () -> "backfill: dates were processed twice: " + twice);
    for (Backfill b : ledger.backfills().all(ScheduleActions.HOURLY)) {
      require(
          b.active() <= ScheduleActions.BACKFILL_RUNS,
          () -> "backfill: too many runs at a time: " + b);
    }
  }

  private void check(GivenUp givenUp) {
    boolean cancels = givenUp.policy().filter(DeletionPolicy.CancelQueued::equals).isPresent();
    require(
        !givenUp.complete() || !givenUp.asDeleted() || !cancels || givenUp.left().isEmpty(),
        () -> "I16: waiting runs are left: " + givenUp);
    require(
        givenUp.canceled().isEmpty()
            || cancels && users.wasDeletedIn(ClusterIdentity.clusterIdOf(givenUp.cluster())),
        () -> "I16: no user has deleted the schedule: " + givenUp);
    require(
        givenUp.asDeleted() || !cancels || namespaceWasLost.getAsBoolean(),
        () -> "I16: a user has deleted the schedule: " + givenUp);
  }

  private void check(Commit commit) {
    Client client = new Client(commit.schedule(), commit.decision().client());
    require(
        commit.owner().filter(commit.cluster()::equals).isPresent(),
        () -> "I12: decided by a cluster that does not own the schedule: " + commit);
    Optional<Row> before = Optional.ofNullable(rows.get(client));
    require(
        commit.before().equals(before),
        () -> "I12: it was decided until " + before + ", and this is forgotten: " + commit);
    Optional<Instant> from = before.filter(r -> r.rules().isPresent()).map(Row::decidedUntil);
    require(
        commit.decision().from().equals(from),
        () -> "I12: cron times are decided twice, or never: " + before + ", then " + commit);
    require(
        before.filter(r -> r.decidedUntil().isAfter(commit.after().decidedUntil())).isEmpty(),
        () -> "I12: decidedUntil moved backward: " + commit);
    checkCronTimes(commit, client, before);
    commit.after().rules().ifPresent(rules -> checkRules(commit, rules));
    rows.put(client, commit.after());
  }

  private void checkCronTimes(Commit commit, Client client, Optional<Row> before) {
    ClientDecision decision = commit.decision();
    Optional<String> rules = before.flatMap(Row::rules).filter(r -> decision.rules().isPresent());
    List<CronTime> due =
        rules
            .map(r -> meaning(client, r).between(decision.from().orElseThrow(), decision.until()))
            .orElse(List.of());
    long inGaps = decision.gaps().stream().mapToLong(TickGap::count).sum();
    List<CronTime> decided =
        decision.ticks().stream().map(t -> new CronTime(t.cronTime(), t.businessDate())).toList();
    require(
        due.containsAll(decided) && due.size() == decided.size() + inGaps,
        () -> "I12: cron times are " + due + ", but decided: " + commit);
    cronTimes.merge(client, (long) due.size(), Long::sum);
    cronTimesOfGaps.merge(client, inGaps, Long::sum);
    if (rules.filter(r -> !meaning(client, r).suspended()).isPresent()) {
      due.forEach(t -> expected.add(new Date(client.schedule(), client.id(), t.businessDate())));
    }
    for (Tick tick : decision.ticks()) {
      Date date = new Date(client.schedule(), client.id(), tick.businessDate());
      // a backfill may have run the date before
      tick.run()
          .ifPresent(
              run ->
                  fired.putIfAbsent(
                      date,
                      Optional.ofNullable(ledger.schedules().ticks().get(date))
                          .flatMap(TickRow::run)
                          .orElse(run.key())));
    }
  }

  private CronTimes meaning(Client client, String rules) {
    return users
        .meaningOf(client.id(), rules)
        .orElseThrow(() -> new AssertionError("I12: no user has applied " + rules));
  }

  /**
   * New rules do not apply to a time before a user has applied them. Only those that an operator
   * reads first apply since the creation of the schedule: it does not know earlier ones.
   */
  private void checkRules(Commit commit, String rules) {
    Client client = new Client(commit.schedule(), commit.decision().client());
    Instant since = meaning(client, rules).since();
    Instant until = commit.after().decidedUntil();
    boolean isFirst =
        users.wasCreatedAt(until)
            && rows.values().stream().noneMatch(r -> r.decidedUntil().isAfter(until));
    require(
        isFirst || clockJumped.getAsBoolean() || !until.isBefore(since),
        () -> "I12: rules of " + since + " apply to earlier cron times: " + commit);
  }

  /** The rows of ticks, and the runs. */
  private void checkFired() {
    Map<Date, TickRow> ticks = ledger.schedules().ticks();
    fired.forEach(
        (date, run) -> {
          TickRow row = ticks.get(date);
          require(
              row != null && row.run().equals(Optional.of(run)),
              () -> "I6: %s was fired as %s, and is now %s".formatted(date, run, row));
          Run accepted = ledger.run(run);
          require(accepted != null, () -> "I6: " + date + " was fired, but has no run " + run);
          require(
              accepted.definition().client().equals(date.client())
                  && accepted.definition().businessDate().equals(date.businessDate()),
              () -> "I6: the run of " + date + " is " + accepted);
        });
    Map<List<String>, RunKey> byDate = new HashMap<>();
    for (Run run : ledger.allRuns()) {
      Run.Definition definition = run.definition();
      if (definition.schedule().equals(ScheduleActions.HOURLY.name())
          && !ledger.backfills().repeated().contains(run.key())) {
        RunKey other =
            byDate.put(List.of(definition.client(), definition.businessDate()), run.key());
        require(other == null, () -> "I6: two runs of one tick: " + run + " and " + other);
      }
    }
  }

  /** Whether every cron time that can come is decided, by the rules that users applied last. */
  boolean isSettled(Iterable<SimCluster> clusters) {
    Optional<String> owner = ledger.schedules().owner(ScheduleActions.HOURLY);
    boolean exists = false;
    boolean settled = false;
    for (SimCluster c : clusters) {
      exists |= c.schedules.containsKey(ScheduleActions.HOURLY);
      if (owner.filter(c.registeredAs().value()::equals).isPresent()) {
        settled = isSettled(c);
      }
    }
    return settled || !exists && owner.isEmpty();
  }

  private boolean isSettled(SimCluster owner) {
    return owner.schedules.containsKey(ScheduleActions.HOURLY)
        && areBackfillsProcessed(owner)
        && users.listed(owner).entrySet().stream()
            .allMatch(
                e ->
                    ledger
                        .schedules()
                        .row(ScheduleActions.HOURLY, e.getKey())
                        .filter(row -> isStored(e.getValue(), row))
                        .filter(row -> isDecided(e.getKey(), row))
                        .isPresent());
  }

  private boolean areBackfillsProcessed(SimCluster owner) {
    Set<String> running =
        ledger.backfills().all(ScheduleActions.HOURLY).stream()
            .filter(b -> b.state() == State.RUNNING || b.state() == State.CANCELING)
            .map(Backfill::name)
            .collect(Collectors.toSet());
    Set<String> known =
        ledger.backfills().all(ScheduleActions.HOURLY).stream()
            .map(Backfill::name)
            .collect(Collectors.toSet());
    List<BackfillSpec> wanted = users.unsuspendedBackfills(owner);
    return wanted.stream().allMatch(b -> known.contains(b.name()) && !running.contains(b.name()))
        && users.backfills(owner).containsAll(running);
  }

  private static boolean isStored(String rules, Row row) {
    return row.rules().map(stored -> ClientRules.read(stored).json()).equals(Optional.of(rules));
  }

  private boolean isDecided(String client, Row row) {
    CronTimes rules = users.meaningOf(client, row.rules().orElseThrow()).orElseThrow();
    return rules.suspended() || rules.between(row.decidedUntil(), rules.end()).isEmpty();
  }

  /** Of one cluster and one client. */
  private void checkHistory(SimCluster c, ScheduleObject schedule, String client) {
    List<RunObject> ended =
        c.runs.values().stream()
            .filter(o -> o.createdByOperator() && History.isEnded(o))
            .filter(o -> ledger.schedules().isCreatedByTick(o.key()))
            .filter(o -> o.spec().client().equals(client))
            .toList();
    require(
        History.beyond(schedule.spec().history(), ended).isEmpty(),
        () -> "I17: more than " + schedule.spec().history() + ": " + ended);
  }

  /** When nothing is left to do. */
  void checkEnd(Iterable<SimCluster> clusters) {
    check();
    for (SimCluster c : clusters) {
      Optional.ofNullable(c.schedules.get(ScheduleActions.HOURLY))
          .ifPresent(s -> ScheduleActions.CLIENTS.forEach(client -> checkHistory(c, s, client)));
    }
    require(isSettled(clusters), () -> "I12: cron times are not decided: " + rows);
    require(
        fired.keySet().stream().allMatch(expected::contains),
        () -> "I12: fired without a cron time: " + fired.keySet() + " of " + expected);
    Set<Date> withRun = new TreeSet<>();
    ledger.schedules().ticks().forEach((date, row) -> row.run().ifPresent(r -> withRun.add(date)));
    require(
        !users.catchesUpAll() || withRun.containsAll(expected),
        () -> "I12: these were to fire: " + expected + ", and these did: " + withRun);
    rows.forEach(
        (client, row) -> {
          long ofDates =
              ledger.schedules().ticks().entrySet().stream()
                  .filter(e -> e.getKey().client().equals(client.id()))
                  .mapToLong(e -> e.getValue().cronTimes())
                  .sum();
          long decided = cronTimes.get(client);
          require(
              row.cronTimes() == decided && ofDates + cronTimesOfGaps.get(client) == decided,
              () -> "I12: %s has %d cron times: %s".formatted(client, decided, row));
        });
  }

  /** For the message of a failure. */
  @Override
  public String toString() {
    return "ticks of owner %s: %s"
        .formatted(ledger.schedules().owner(ScheduleActions.HOURLY), rows);
  }
}
