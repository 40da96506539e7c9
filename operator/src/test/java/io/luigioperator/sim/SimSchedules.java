/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.sim;

import io.luigioperator.api.DeletionPolicy;
import io.luigioperator.ledger.LedgerMaintenance.TickCursor;
import io.luigioperator.ledger.LedgerUnavailable;
import io.luigioperator.ledger.ScheduleLedger;
import io.luigioperator.run.DatedRun;
import io.luigioperator.run.NewRun;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunState;
import io.luigioperator.run.ScheduleKey;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.stream.Collectors;

/** The ticks of schedules in memory: each decision of a client is one commit. */
public final class SimSchedules implements ScheduleLedger {

  /** A row of a client. */
  record Row(Instant decidedUntil, Optional<String> rules, long cronTimes) {}

  /**
   * The row of a business date.
   *
   * @param run empty if it is skipped
   * @param cronTimes how many cron times belonged to it
   */
  record TickRow(Optional<RunKey> run, long cronTimes) {}

  /** A business date of a client. */
  record Date(ScheduleKey schedule, String client, String businessDate)
      implements Comparable<Date> {
    @Override
    public int compareTo(Date other) {
      return toString().compareTo(other.toString());
    }
  }

  /**
   * A decision of a client that was committed.
   *
   * @param cluster that made it
   * @param owner of the schedule
   * @param before the row of the client, if it had one
   */
  record Commit(
      ScheduleKey schedule,
      String cluster,
      Optional<String> owner,
      ClientDecision decision,
      Optional<Row> before,
      Row after) {}

  /** Cancels a run if it is held or has not started. */
  @FunctionalInterface
  interface CancelQueued {
    Optional<Run> cancel(RunKey run, String reason, String message);
  }

  /**
   * A commit that left a schedule without owner, or canceled runs of it.
   *
   * @param cluster that made it
   * @param policy that the ledger had; empty if none was applied
   * @param asDeleted whether a user has deleted the schedule, as the cluster says
   * @param left runs that its ticks created, and that are held or have not started
   */
  record GivenUp(
      ScheduleKey schedule,
      String cluster,
      Optional<DeletionPolicy> policy,
      boolean asDeleted,
      boolean complete,
      List<RunKey> canceled,
      List<RunKey> left) {}

  private final List<GivenUp> givenUp = new ArrayList<>();
  private final List<Commit> commits = new ArrayList<>();
  private final Map<ScheduleKey, Optional<String>> owners = new TreeMap<>();
  private final Map<ScheduleKey, TreeMap<String, Row>> clients = new TreeMap<>();
  private final TreeMap<Date, TickRow> ticks = new TreeMap<>();
  private final Predicate<String> isRetired;
  private final Function<RunKey, Optional<Run>> runs;
  private final Supplier<Collection<Run>> allRuns;
  private final Consumer<NewRun> accept;
  private final SimLimits limits;
  private final CancelQueued cancelQueued;
  private final Map<ScheduleKey, AppliedSpec> applied = new TreeMap<>();

  /** The runs that ticks created. */
  private final Map<RunKey, ScheduleKey> created = new TreeMap<>();

  private final Mutant mutant;

  SimSchedules(
      Predicate<String> isRetired,
      Function<RunKey, Optional<Run>> runs,
      Supplier<Collection<Run>> allRuns,
      Consumer<NewRun> accept,
      SimLimits limits,
      CancelQueued cancelQueued,
      Mutant mutant) {
    this.isRetired = isRetired;
    this.runs = runs;
    this.allRuns = allRuns;
    this.accept = accept;
    this.limits = limits;
    this.cancelQueued = cancelQueued;
    this.mutant = mutant;
  }

  // ---- for the invariants

  Map<Date, TickRow> ticks() {
    return ticks;
  }

  /** Of all schedules. */
  List<TickCursor> allClients() {
    return clients.entrySet().stream()
        .flatMap(e -> e.getValue().keySet().stream().map(c -> new TickCursor(e.getKey().id(), c)))
        .toList();
  }

  /** All that were ever made, in their order. */
  List<Commit> commits() {
    return commits;
  }

  Optional<Row> row(ScheduleKey schedule, String client) {
    return Optional.ofNullable(rows(schedule).get(client));
  }

  /** Empty also if it is retired. */
  public Optional<String> owner(ScheduleKey schedule) {
    return owners.getOrDefault(schedule, Optional.empty()).filter(o -> !isRetired.test(o));
  }

  // ---- for backfills

  boolean isOwnedBy(ScheduleKey schedule, String cluster) {
    return owners.getOrDefault(schedule, Optional.empty()).filter(cluster::equals).isPresent()
        || mutant == Mutant.OWNER_IGNORED;
  }

  boolean isFired(ScheduleKey schedule, String client, String businessDate) {
    return Optional.ofNullable(ticks.get(new Date(schedule, client, businessDate)))
        .flatMap(TickRow::run)
        .isPresent();
  }

  /** Unless a user has created it. */
  void create(ScheduleKey schedule, NewRun run) {
    if (runs.apply(run.key()).isEmpty()) {
      created.put(run.key(), schedule);
      accept.accept(run);
    }
  }

  void fire(ScheduleKey schedule, String client, String businessDate, RunKey run) {
    ticks.merge(
        new Date(schedule, client, businessDate),
        new TickRow(Optional.of(run), 0),
        (before, fired) -> new TickRow(fired.run(), before.cronTimes()));
  }

  /** Empty if it has no limit. */
  Optional<Integer> maxRuns(ScheduleKey schedule) {
    return limits.maxRuns(schedule);
  }

  List<GivenUp> givenUp() {
    return givenUp;
  }

  /** Whether a tick created this run. */
  boolean isCreatedByTick(RunKey run) {
    return created.containsKey(run);
  }

  // ---- the transactions

  @Override
  public String own(ScheduleKey schedule, String cluster) {
    String owner = owner(schedule).orElse(cluster);
    if (!owners.getOrDefault(schedule, Optional.empty()).equals(Optional.of(owner))) {
      applied.remove(schedule);
    }
    owners.put(schedule, Optional.of(owner));
    return owner;
  }

  @Override
  public void disown(ScheduleKey schedule, String cluster) {
    if (isOwner(schedule, cluster)) {
      giveUp(schedule, cluster, false, true, List.of());
    }
  }

  private void giveUp(
      ScheduleKey schedule,
      String cluster,
      boolean asDeleted,
      boolean complete,
      List<RunKey> canceled) {
    givenUp.add(
        new GivenUp(
            schedule,
            cluster,
            Optional.ofNullable(applied.get(schedule)).map(AppliedSpec::deletionPolicy),
            asDeleted,
            complete,
            canceled,
            createdBy(schedule).stream().filter(this::isQueued).toList()));
    if (!complete) {
      return;
    }
    owners.put(schedule, Optional.empty());
    applied.remove(schedule);
    if (mutant == Mutant.DELETED_SCHEDULE_FORGOTTEN) {
      clients.remove(schedule);
    }
  }

  private boolean isOwner(ScheduleKey schedule, String cluster) {
    return owners.getOrDefault(schedule, Optional.empty()).filter(cluster::equals).isPresent();
  }

  @Override
  public void limit(ScheduleKey schedule, Optional<Integer> maxRuns) {
    limits.set(schedule, maxRuns);
  }

  @Override
  public List<LimitedSchedule> limited(Optional<ScheduleKey> after, int limit) {
    return limits.limited(after, limit);
  }

  @Override
  public LimitChange enforceLimit(ScheduleKey schedule) {
    return limits.enforce(schedule);
  }

  @Override
  public void applied(ScheduleKey schedule, String cluster, AppliedSpec spec) {
    if (isOwner(schedule, cluster)) {
      applied.put(schedule, spec);
    }
  }

  @Override
  public Deletion deleted(ScheduleKey schedule, String cluster, String reason, String message) {
    if (!isOwner(schedule, cluster)) {
      return new Deletion(List.of(), true);
    }
    AppliedSpec spec = applied.get(schedule);
    boolean cancels =
        spec != null
            && spec.deletionPolicy() == DeletionPolicy.CancelQueued
            && mutant != Mutant.DELETED_SCHEDULE_CANCELS_NOTHING;
    List<Run> canceled = new ArrayList<>();
    for (RunKey run : cancels ? createdBy(schedule) : List.<RunKey>of()) {
      if (canceled.size() < MAX_RUNS) {
        cancelQueued.cancel(run, reason, message).ifPresent(canceled::add);
      }
    }
    boolean complete = canceled.size() < MAX_RUNS;
    giveUp(schedule, cluster, true, complete, canceled.stream().map(Run::key).toList());
    return new Deletion(canceled, complete);
  }

  private boolean isQueued(RunKey key) {
    Run run = runs.apply(key).orElseThrow();
    return run.state().isWaiting() && run.times().startedAt().isEmpty()
        || run.state() == RunState.HELD && !run.waitsForLimit();
  }

  private List<RunKey> createdBy(ScheduleKey schedule) {
    return created.keySet().stream().filter(run -> created.get(run).equals(schedule)).toList();
  }

  @Override
  public Set<RunKey> endedRuns(ScheduleKey schedule, String client, Collection<RunKey> candidates) {
    return candidates.stream()
        .filter(run -> mutant != Mutant.HISTORY_IGNORED)
        .filter(run -> schedule.equals(created.get(run)))
        .filter(
            run ->
                runs.apply(run)
                    .filter(r -> r.state().isFinal() && r.definition().client().equals(client))
                    .isPresent())
        .collect(Collectors.toSet());
  }

  @Override
  public List<OwnedSchedule> owned(String cluster, Optional<ScheduleKey> after, int limit) {
    return owners.keySet().stream()
        .filter(key -> owners.get(key).filter(cluster::equals).isPresent())
        .filter(key -> after.isEmpty() || key.compareTo(after.get()) > 0)
        .limit(limit)
        .map(key -> new OwnedSchedule(key, Optional.ofNullable(applied.get(key))))
        .toList();
  }

  @Override
  public List<ScheduledClient> clients(ScheduleKey schedule, Optional<String> after, int limit) {
    return rows(schedule).entrySet().stream()
        .filter(e -> after.isEmpty() || e.getKey().compareTo(after.get()) > 0)
        .limit(limit)
        .map(
            e -> new ScheduledClient(e.getKey(), e.getValue().decidedUntil(), e.getValue().rules()))
        .toList();
  }

  private TreeMap<String, Row> rows(ScheduleKey schedule) {
    return clients.computeIfAbsent(schedule, key -> new TreeMap<>());
  }

  @Override
  public Map<String, Set<String>> firedDates(ScheduleKey schedule, List<String> ids, String first) {
    Map<String, Set<String>> dates = new TreeMap<>();
    ticks.forEach(
        (date, row) -> {
          if (date.schedule().equals(schedule)
              && ids.contains(date.client())
              && date.businessDate().compareTo(first) >= 0
              && row.run().isPresent()) {
            dates.computeIfAbsent(date.client(), c -> new HashSet<>()).add(date.businessDate());
          }
        });
    return dates;
  }

  @Override
  public Map<ClientKey, List<DatedRun>> newestRuns(List<ClientKey> ids, int limit) {
    Map<ClientKey, List<DatedRun>> newest = new HashMap<>();
    for (ClientKey id : ids) {
      List<DatedRun> found =
          allRuns.get().stream()
              .filter(run -> isOf(id, run))
              .map(SimSchedules::dated)
              .sorted(Comparator.comparing(DatedRun::businessDate).reversed())
              .limit(limit)
              .toList();
      if (!found.isEmpty()) {
        newest.put(id, found);
      }
    }
    return newest;
  }

  private static boolean isOf(ClientKey id, Run run) {
    return run.key().namespace().equals(id.schedule().namespace())
        && run.definition().schedule().equals(id.schedule().name())
        && run.definition().client().equals(id.client())
        && !run.definition().businessDate().isEmpty();
  }

  private static DatedRun dated(Run run) {
    return new DatedRun(
        run.definition().businessDate(),
        run.key(),
        run.state(),
        run.stateDetails().reason(),
        run.stateDetails().message(),
        run.times().finishedAt());
  }

  @Override
  public List<TickAnswer> decide(
      ScheduleKey schedule, String cluster, List<ClientDecision> decisions) {
    List<TickAnswer> answers = new ArrayList<>();
    boolean isOwner = isOwnedBy(schedule, cluster);
    for (ClientDecision decision : decisions) {
      answers.add(isOwner ? decide(schedule, cluster, decision) : new TickAnswer.NotOwner());
    }
    return answers;
  }

  private TickAnswer decide(ScheduleKey schedule, String cluster, ClientDecision decision) {
    Optional<Row> row = row(schedule, decision.client());
    Optional<Instant> from = row.filter(r -> r.rules().isPresent()).map(Row::decidedUntil);
    if (!from.equals(decision.from()) && mutant != Mutant.DECIDED_UNTIL_IGNORED) {
      return new TickAnswer.Stale();
    }
    Map<Date, TickRow> changed = new TreeMap<>();
    List<NewRun> fired = new ArrayList<>();
    for (Tick tick : decision.ticks()) {
      Date date = new Date(schedule, decision.client(), tick.businessDate());
      TickRow before =
          changed.getOrDefault(date, ticks.getOrDefault(date, new TickRow(Optional.empty(), 0)));
      if (before.run().isEmpty()) {
        tick.run().ifPresent(fired::add);
      }
      changed.put(
          date,
          new TickRow(before.run().or(() -> tick.run().map(NewRun::key)), before.cronTimes() + 1));
    }
    for (NewRun run : fired) {
      Optional<Run> taken =
          runs.apply(run.key()).filter(r -> !r.definition().requestSha().equals(run.requestSha()));
      if (taken.isPresent()) {
        return new TickAnswer.NameTaken(run.key());
      }
    }
    ticks.putAll(changed);
    Row after =
        new Row(
            row.map(Row::decidedUntil)
                .filter(t -> t.isAfter(decision.until()))
                .orElse(decision.until()),
            decision.rules(),
            row.map(Row::cronTimes).orElse(0L) + decision.cronTimes());
    rows(schedule).put(decision.client(), after);
    Optional<String> owner = owners.getOrDefault(schedule, Optional.empty());
    commits.add(new Commit(schedule, cluster, owner, decision, row, after));
    if (mutant == Mutant.TICK_BEFORE_ITS_RUN && commits.size() % 5 == 0) {
      throw new LedgerUnavailable("killed between two commits", new IllegalStateException());
    }
    for (NewRun run : fired) {
      create(schedule, run);
    }
    return new TickAnswer.Decided(fired.size());
  }
}
