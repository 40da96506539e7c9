/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.luigioperator.api.BackfillSpec;
import io.luigioperator.job.Kube;
import io.luigioperator.job.Kube.Freshness;
import io.luigioperator.ledger.BackfillLedger;
import io.luigioperator.ledger.BackfillLedger.Answer;
import io.luigioperator.ledger.BackfillLedger.Backfill;
import io.luigioperator.ledger.BackfillLedger.DateRuns;
import io.luigioperator.ledger.BackfillLedger.State;
import io.luigioperator.ledger.BackfillLedger.Step;
import io.luigioperator.ledger.Ledger;
import io.luigioperator.run.Reasons;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.ScheduleKey;
import io.luigioperator.run.ScheduleObject;
import io.luigioperator.run.TickSummary.BackfillProgress;
import io.luigioperator.schedule.BackfillCursor;
import io.luigioperator.schedule.BackfillCursor.Position;
import io.luigioperator.schedule.BackfillDates;
import io.luigioperator.schedule.BackfillDefinition;
import io.luigioperator.schedule.InvalidScheduleException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Moves the backfills of schedules on: each creates runs for its next dates while fewer than {@code
 * maxConcurrentRuns} of its runs have not ended. Used by the thread of {@link TickLoop} only.
 */
final class BackfillRunner {

  private static final Logger LOG = LoggerFactory.getLogger(BackfillRunner.class);

  /** Dates of one backfill in one pass, so that cron times do not wait for a long one. */
  static final int EXAMINED = 1_000;

  /** What a pass has left. */
  enum Left {
    NOTHING,
    /** Backfills whose runs have to end first. */
    WAITING,
    /** Dates that can be processed at once. */
    DATES,
    /** Another process has changed the rows: they have to be read again. */
    STALE
  }

  private final Ledger ledger;
  private final Kube kube;
  private final String cluster;
  private final Consumer<ScheduleKey> accepted;
  private final Consumer<RunKey> canceled;
  private final ScheduleHealth health;

  /** The backfills of a schedule as this process has left them, by name. */
  private final Map<ScheduleKey, Map<String, Backfill>> known = new HashMap<>();

  /**
   * @param accepted called after runs of a schedule were accepted, or keys became free; must have
   *     runs admitted soon
   * @param canceled called after a waiting run was canceled; must have it reconciled soon
   * @param health reads the clients again that got runs
   */
  BackfillRunner(
      Ledger ledger,
      Kube kube,
      String cluster,
      Consumer<ScheduleKey> accepted,
      Consumer<RunKey> canceled,
      ScheduleHealth health) {
    this.ledger = ledger;
    this.kube = kube;
    this.cluster = cluster;
    this.accepted = accepted;
    this.canceled = canceled;
    this.health = health;
  }

  /** The rows are read again by the next pass: the spec has changed, or another process wrote. */
  void forget(ScheduleKey schedule) {
    known.remove(schedule);
  }

  void forgetAll() {
    known.clear();
  }

  /**
   * Moves on all backfills of a schedule that this cluster owns.
   *
   * @param show gets the progress of each backfill of the spec
   */
  Left pass(ScheduleObject schedule, Instant now, Consumer<List<BackfillProgress>> show) {
    List<BackfillSpec> specs = schedule.spec().backfills();
    Map<String, Backfill> rows =
        known.computeIfAbsent(
            schedule.key(),
            key ->
                ledger
                    .backfills()
                    .loadBackfills(key, specs.stream().map(BackfillSpec::name).toList())
                    .stream()
                    .collect(Collectors.toMap(Backfill::name, b -> b)));
    cancelRemoved(schedule, rows);
    BackfillRuns runs = new BackfillRuns(schedule, now, run -> kube.run(run, Freshness.CACHED));
    Left left = Left.NOTHING;
    List<BackfillProgress> progress = new ArrayList<>();
    for (BackfillSpec spec : specs) {
      Pass pass = new Pass(schedule, spec, runs, rows);
      Left ofThis = pass.run();
      if (ofThis == Left.STALE) {
        return ofThis;
      }
      left = ofThis.compareTo(left) > 0 ? ofThis : left;
      progress.add(pass.progress());
    }
    show.accept(progress);
    return left;
  }

  /** How many runs a backfill may begin now. */
  static int free(BackfillSpec backfill, long active) {
    return backfill.suspend()
        ? 0
        : Math.toIntExact(Math.max(0, backfill.maxConcurrentRuns() - active));
  }

  private void cancelRemoved(ScheduleObject schedule, Map<String, Backfill> rows) {
    Set<String> wanted =
        schedule.spec().backfills().stream().map(BackfillSpec::name).collect(Collectors.toSet());
    for (Backfill b : List.copyOf(rows.values())) {
      boolean isRemoved = b.state() == State.RUNNING && !wanted.contains(b.name());
      if (isRemoved || b.state() == State.CANCELING) {
        cancel(schedule.key(), b);
        rows.remove(b.name());
      }
    }
  }

  /** After a crash in between, the next leader finds the state CANCELING and goes on. */
  private void cancel(ScheduleKey schedule, Backfill backfill) {
    String name = backfill.name();
    ledger.backfills().moveBackfill(schedule, name, State.RUNNING, State.CANCELING);
    for (RunKey run : ledger.backfills().openRunsOfBackfill(schedule, name)) {
      ledger
          .runs()
          .cancelWaiting(
              run,
              Reasons.BACKFILL_REMOVED,
              "backfill %s was removed from PipelineSchedule %s".formatted(name, schedule.name()))
          .ifPresent(after -> canceled.accept(after.key())); // its PipelineRun shows it
    }
    ledger.backfills().moveBackfill(schedule, name, State.CANCELING, State.CANCELED);
    accepted.accept(schedule); // their keys may be free for other runs
    LOG.atInfo()
        .addKeyValue("schedule", schedule)
        .addKeyValue("backfill", name)
        .log("the backfill was removed; its waiting runs are canceled");
  }

  /** One backfill in one pass. */
  private final class Pass {
    private final ScheduleObject schedule;
    private final BackfillSpec spec;
    private final BackfillRuns runs;
    private final Map<String, Backfill> rows;
    private Optional<String> problem = Optional.empty();
    private Optional<BackfillCursor> cursor = Optional.empty();

    Pass(
        ScheduleObject schedule, BackfillSpec spec, BackfillRuns runs, Map<String, Backfill> rows) {
      this.schedule = schedule;
      this.spec = spec;
      this.runs = runs;
      this.rows = rows;
    }

    private Backfill row() {
      return Objects.requireNonNull(rows.get(spec.name()), "the row of the backfill");
    }

    Left run() {
      BackfillDates dates;
      try {
        dates = BackfillDates.of(spec, schedule.spec().businessDate().unit());
      } catch (InvalidScheduleException e) {
        problem = Optional.of(e.getMessage() + "; add a backfill with another name");
        return Left.NOTHING;
      }
      String definition = BackfillDefinition.of(spec);
      rows.computeIfAbsent(
          spec.name(), name -> ledger.backfills().beginBackfill(schedule.key(), name, definition));
      if (!row().definition().equals(definition) || row().state() == State.CANCELED) {
        problem =
            Optional.of(
                "the name was used before, by a backfill that %s; choose another name"
                    .formatted(
                        row().state() == State.CANCELED ? "was removed" : "has other fields"));
        return Left.NOTHING;
      }
      cursor = Optional.of(new BackfillCursor(dates, runs.clients(spec), row().position()));
      return row().state() == State.RUNNING ? advance() : Left.NOTHING;
    }

    private Left advance() {
      int examined = 0;
      int limit = BackfillLedger.MAX_DATES;
      if (row().active() > 0 && !write(Step.count(row()))) {
        return Left.STALE;
      }
      while (problem.isEmpty() && free() > 0 && cursor().hasNext()) {
        if (examined >= EXAMINED) {
          return Left.DATES;
        }
        NextStep next = next(Math.min(limit, free()), EXAMINED - examined);
        examined += next.examined();
        if (next.examined() == 0) {
          break; // no client can run; the problem says why
        }
        switch (ledger.backfills().advanceBackfill(schedule.key(), cluster, next.step())) {
          case Answer.Advanced(Backfill after, int begun) -> advanced(next.step(), after, begun);
          case Answer.Stale _, Answer.NotOwner _ -> {
            return Left.STALE;
          }
          case Answer.Refused(String message) -> {
            if (next.step().dates().size() > 1) {
              limit = 1; // only the date that is refused is skipped
              rewind();
            } else if (!skip(next.step(), message)) {
              return Left.STALE;
            }
          }
        }
      }
      return end();
    }

    private BackfillCursor cursor() {
      return cursor.orElseThrow();
    }

    private void rewind() {
      BackfillDates dates = BackfillDates.of(spec, schedule.spec().businessDate().unit());
      cursor = Optional.of(new BackfillCursor(dates, runs.clients(spec), row().position()));
    }

    private int free() {
      return BackfillRunner.free(spec, row().active());
    }

    private void advanced(Step step, Backfill after, int begun) {
      rows.put(spec.name(), after);
      if (begun > 0) {
        health.outdated(
            schedule.key(),
            step.dates().stream().map(date -> date.position().client()).distinct().toList());
        accepted.accept(schedule.key());
      }
    }

    /**
     * @return false if another process has changed the row
     */
    private boolean write(Step step) {
      return switch (ledger.backfills().advanceBackfill(schedule.key(), cluster, step)) {
        case Answer.Advanced(Backfill after, int begun) -> {
          advanced(step, after, begun);
          yield true;
        }
        case Answer.Stale _, Answer.NotOwner _, Answer.Refused _ -> false;
      };
    }

    private boolean skip(Step refused, String message) {
      LOG.atError()
          .addKeyValue("schedule", schedule.key())
          .addKeyValue("backfill", spec.name())
          .addKeyValue("date", refused.to())
          .addKeyValue("error", message)
          .log("the ledger refuses the run of this date; the date is skipped");
      return write(
          new Step(
              refused.name(),
              refused.from(),
              refused.to(),
              refused.reprocess(),
              refused.skipped() + refused.dates().size(),
              List.of()));
    }

    /**
     * @param examined how many dates it is about
     */
    private record NextStep(Step step, int examined) {}

    private NextStep next(int wanted, int examinable) {
      Optional<Position> from = row().position();
      Optional<Position> to = from;
      List<DateRuns> dates = new ArrayList<>();
      int examined = 0;
      while (cursor().hasNext() && dates.size() < wanted && examined < examinable) {
        Position position = cursor().peek();
        switch (runs.of(spec, position)) {
          case BackfillRuns.Date.Possible(DateRuns possible) -> dates.add(possible);
          case BackfillRuns.Date.Skipped _ -> {}
          case BackfillRuns.Date.Blocked(String message) -> {
            problem = Optional.of(message);
            return new NextStep(step(from, to, dates, examined), examined);
          }
        }
        cursor().next();
        to = Optional.of(position);
        examined++;
      }
      return new NextStep(step(from, to, dates, examined), examined);
    }

    private Step step(
        Optional<Position> from, Optional<Position> to, List<DateRuns> dates, int examined) {
      return new Step(spec.name(), from, to, spec.reprocess(), examined - dates.size(), dates);
    }

    private Left end() {
      if (problem.isPresent() || spec.suspend() || cursor().hasNext() || row().active() > 0) {
        return row().active() > 0 ? Left.WAITING : Left.NOTHING;
      }
      Optional<Backfill> completed =
          ledger
              .backfills()
              .moveBackfill(schedule.key(), spec.name(), State.RUNNING, State.COMPLETED);
      if (completed.isEmpty()) {
        return Left.STALE;
      }
      rows.put(spec.name(), completed.get());
      if (row().failed() > 0) {
        kube.warn(
            schedule,
            Reasons.BACKFILL_FAILED,
            ("backfill %s has processed all dates, and %d of its %d runs failed or were canceled;"
                    + " add a backfill with another name and reprocess: Failed to run them again")
                .formatted(spec.name(), row().failed(), row().failed() + row().succeeded()));
      }
      return Left.NOTHING;
    }

    BackfillProgress progress() {
      Optional<Backfill> row =
          Optional.ofNullable(rows.get(spec.name())).filter(b -> cursor.isPresent());
      String state =
          problem.isPresent()
              ? "Invalid"
              : row.filter(b -> b.state() == State.COMPLETED).isPresent()
                  ? "Completed"
                  : spec.suspend() ? "Suspended" : "Running";
      Optional<String> message = problem.or(() -> runs.skippedClients(spec));
      return row.map(
              b ->
                  new BackfillProgress(
                      spec.name(),
                      state,
                      b.processed(),
                      b.state() == State.COMPLETED
                          ? b.processed()
                          : b.processed() + cursor().remaining(),
                      b.active(),
                      b.succeeded(),
                      b.failed(),
                      b.skipped(),
                      message))
          .orElseGet(() -> new BackfillProgress(spec.name(), state, 0, 0, 0, 0, 0, 0, message));
    }
  }
}
