/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.sim;

import io.luigioperator.ledger.BackfillLedger;
import io.luigioperator.run.NewRun;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunState;
import io.luigioperator.run.ScheduleKey;
import io.luigioperator.schedule.BackfillCursor.Position;
import io.luigioperator.schedule.BackfillDecider;
import io.luigioperator.schedule.BackfillDecider.Choice;
import io.luigioperator.schedule.BackfillDecider.History;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/** The backfills of schedules in memory: each step is one commit. */
public final class SimBackfills implements BackfillLedger {

  /** A row with the runs that it has not counted. */
  private record Row(Backfill backfill, TreeSet<RunKey> open) {}

  private final Map<ScheduleKey, TreeMap<String, Row>> rows = new TreeMap<>();
  private final TreeSet<RunKey> again = new TreeSet<>();

  /** Every date that was ever processed, and those that were processed twice. */
  private final Set<String> processed = new HashSet<>();

  private final List<String> processedTwice = new ArrayList<>();
  private final SimSchedules schedules;
  private final Map<RunKey, Run> runs;
  private final Mutant mutant;

  SimBackfills(SimSchedules schedules, Map<RunKey, Run> runs, Mutant mutant) {
    this.schedules = schedules;
    this.runs = runs;
    this.mutant = mutant;
  }

  // ---- for the invariants

  /** The runs of dates that had one already. */
  Collection<RunKey> repeated() {
    return again;
  }

  List<String> processedTwice() {
    return processedTwice;
  }

  Collection<Backfill> all(ScheduleKey schedule) {
    return of(schedule).values().stream().map(Row::backfill).toList();
  }

  // ---- the transactions

  private TreeMap<String, Row> of(ScheduleKey schedule) {
    return rows.computeIfAbsent(schedule, key -> new TreeMap<>());
  }

  @Override
  public List<Backfill> loadBackfills(ScheduleKey schedule, List<String> names) {
    return of(schedule).values().stream()
        .map(Row::backfill)
        .filter(
            b ->
                b.state() == State.RUNNING
                    || b.state() == State.CANCELING
                    || names.contains(b.name()))
        .toList();
  }

  @Override
  public Backfill beginBackfill(ScheduleKey schedule, String name, String definition) {
    return of(schedule)
        .computeIfAbsent(
            name,
            key ->
                new Row(
                    new Backfill(name, definition, State.RUNNING, Optional.empty(), 0, 0, 0, 0),
                    new TreeSet<>()))
        .backfill();
  }

  @Override
  public Optional<Backfill> moveBackfill(ScheduleKey schedule, String name, State from, State to) {
    Row row = of(schedule).get(name);
    if (row == null || row.backfill().state() != from) {
      return Optional.empty();
    }
    Backfill b = row.backfill();
    Backfill after =
        new Backfill(
            name,
            b.definition(),
            to,
            b.position(),
            b.skipped(),
            b.active(),
            b.succeeded(),
            b.failed());
    of(schedule).put(name, new Row(after, row.open()));
    return Optional.of(after);
  }

  @Override
  public List<RunKey> openRunsOfBackfill(ScheduleKey schedule, String name) {
    return Optional.ofNullable(of(schedule).get(name))
        .map(row -> List.copyOf(row.open()))
        .orElse(List.of());
  }

  @Override
  public Answer advanceBackfill(ScheduleKey schedule, String cluster, Step step) {
    if (!schedules.isOwnedBy(schedule, cluster)) {
      return new Answer.NotOwner();
    }
    Row row = of(schedule).get(step.name());
    if (row == null
        || row.backfill().state() != State.RUNNING
        || (!row.backfill().position().equals(step.from())
            && mutant != Mutant.BACKFILL_POSITION_IGNORED)) {
      return new Answer.Stale();
    }
    TreeSet<RunKey> open = new TreeSet<>(row.open());
    long succeeded = open.stream().filter(run -> state(run) == RunState.SUCCEEDED).count();
    long ended = open.stream().filter(run -> state(run).isFinal()).count();
    open.removeIf(run -> state(run).isFinal());
    List<NewRun> begun = new ArrayList<>();
    for (DateRuns date : step.dates()) {
      String key = schedule + " " + step.name() + " " + date.position();
      if (!processed.add(key)) {
        processedTwice.add(key);
      }
      choose(schedule, step, date).ifPresent(begun::add);
    }
    begun.forEach(run -> schedules.create(schedule, run));
    begun.forEach(run -> open.add(run.key()));
    Backfill b = row.backfill();
    Backfill after =
        new Backfill(
            b.name(),
            b.definition(),
            b.state(),
            step.to(),
            b.skipped() + step.skipped() + step.dates().size() - begun.size(),
            b.active() - ended + begun.size(),
            b.succeeded() + succeeded,
            b.failed() + ended - succeeded);
    of(schedule).put(step.name(), new Row(after, open));
    return new Answer.Advanced(after, begun.size());
  }

  private RunState state(RunKey run) {
    return runs.get(run).state();
  }

  private Optional<NewRun> choose(ScheduleKey schedule, Step step, DateRuns date) {
    Position p = date.position();
    boolean isFired = schedules.isFired(schedule, p.client(), p.date());
    List<RunState> states =
        runs.values().stream()
            .filter(run -> run.definition().schedule().equals(schedule.name()))
            .filter(run -> run.key().namespace().equals(schedule.namespace()))
            .filter(run -> run.definition().client().equals(p.client()))
            .filter(run -> run.definition().businessDate().equals(p.date()))
            .sorted(
                Comparator.<Run, Instant>comparing(run -> run.times().acceptedAt())
                    .reversed()
                    .thenComparing(run -> run.key().id()))
            .map(Run::state)
            .toList();
    Choice choice = BackfillDecider.decide(step.reprocess(), new History(isFired, states));
    if (choice == Choice.SKIP) {
      return Optional.empty();
    }
    boolean repeats = choice == Choice.RUN_AGAIN || isUsed(date.first());
    NewRun run = repeats ? date.again() : date.first();
    if (isUsed(run)) {
      return Optional.empty();
    }
    if (repeats) {
      again.add(run.key());
    } else {
      schedules.fire(schedule, p.client(), p.date(), run.key());
    }
    return Optional.of(run);
  }

  private boolean isUsed(NewRun run) {
    return Optional.ofNullable(runs.get(run.key()))
        .filter(
            known ->
                known.state().isFinal()
                    || !known.definition().requestSha().equals(run.requestSha()))
        .isPresent();
  }
}
