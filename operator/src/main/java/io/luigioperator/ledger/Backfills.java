/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import io.luigioperator.ledger.NewRuns.Existing;
import io.luigioperator.ledger.TickRows.TickRow;
import io.luigioperator.ledger.Transactions.Opening;
import io.luigioperator.ledger.Transactions.Outcome;
import io.luigioperator.run.Ageing;
import io.luigioperator.run.NewRun;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunState;
import io.luigioperator.run.ScheduleKey;
import io.luigioperator.schedule.BackfillCursor.Position;
import io.luigioperator.schedule.BackfillDecider;
import io.luigioperator.schedule.BackfillDecider.History;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.statement.Query;

/**
 * Transactions of backfills. Each locks the row of the schedule, which a decision of cron times
 * locks in share mode: so while a backfill looks whether a date has fired, no cron fires it.
 */
final class Backfills implements BackfillLedger {

  private static final String SCHEDULE =
      """
      SELECT owner_cluster, schedule_id, max_runs FROM schedule
      WHERE schedule_id = :schedule FOR UPDATE
      """;

  private static final Statements OF_SCHEDULE = Statements.of(BackfillRows.OF_SCHEDULE);

  private static final Statements OPEN_RUNS = Statements.of(BackfillRows.OPEN_RUNS);

  private static final Opening BEGIN =
      Opening.of(
          SCHEDULE,
          """
          INSERT INTO backfill (backfill_id, schedule_id, name, definition, state, created_at)
          VALUES (:backfill, :schedule, :name, :definition, 'RUNNING', UTC_TIMESTAMP(6))
          ON DUPLICATE KEY UPDATE backfill_id = backfill_id
          """,
          BackfillRows.LOCKED);

  private static final Opening MOVE = Opening.of(SCHEDULE, BackfillRows.LOCKED);

  /** Newest first. A run that is accepted at the same moment may be missed: two runs then exist. */
  static final String RUNS_OF_DATES =
      """
      SELECT client, business_date, state FROM run FORCE INDEX (run_dates)
      WHERE namespace = :namespace AND schedule = :name AND client IN (<clients>)
        AND business_date IN (<dates>)
      ORDER BY accepted_at DESC, run_id
      """;

  private static final Opening ADVANCE =
      Opening.of(
          SCHEDULE,
          BackfillRows.LOCKED,
          BackfillRows.OPEN_RUNS,
          TickRows.READ_TICKS,
          RUNS_OF_DATES,
          Locks.TIME);

  private static final Statements LOOK_UP =
      Statements.of(BackfillRows.LOCKED.replace("FOR UPDATE", "LOCK IN SHARE MODE"));

  private final Transactions transactions;
  private final RowFilter filter;
  private final Ageing ageing;

  Backfills(Transactions transactions, RowFilter filter, Ageing ageing) {
    this.transactions = transactions;
    this.filter = filter;
    this.ageing = ageing;
  }

  @Override
  public List<Backfill> loadBackfills(ScheduleKey schedule, List<String> names) {
    List<String> ids = names.stream().map(name -> BackfillRows.id(schedule, name)).toList();
    return transactions.read(
        "backfills of schedule " + schedule,
        h ->
            OF_SCHEDULE.run(
                h,
                q ->
                    q.bind("schedule", schedule.id())
                        .bindList("backfills", ids.isEmpty() ? List.of("") : ids),
                found -> found.all(filter, BackfillRows::backfill)));
  }

  @Override
  public List<RunKey> openRunsOfBackfill(ScheduleKey schedule, String name) {
    return transactions.read(
        "runs of backfill %s of schedule %s".formatted(name, schedule),
        h ->
            OPEN_RUNS.run(
                h,
                q -> q.bind("backfill", BackfillRows.id(schedule, name)),
                found -> found.all(Backfills::key)));
  }

  private static RunKey key(ResultSet row) throws SQLException {
    return new RunKey(row.getString("namespace"), row.getString("name"));
  }

  @Override
  public Backfill beginBackfill(ScheduleKey schedule, String name, String definition) {
    return transactions.write(
        "begin of backfill %s of schedule %s".formatted(name, schedule),
        BEGIN,
        q -> bind(q, schedule, name).bind("name", name).bind("definition", definition),
        (h, found) -> {
          found.first(row -> true);
          return Outcome.repeatable(found.first(BackfillRows::backfill).orElseThrow());
        });
  }

  private static Query bind(Query q, ScheduleKey schedule, String name) {
    return q.bind("schedule", schedule.id()).bind("backfill", BackfillRows.id(schedule, name));
  }

  @Override
  public Optional<Backfill> moveBackfill(ScheduleKey schedule, String name, State from, State to) {
    return transactions.write(
        "state of backfill %s of schedule %s".formatted(name, schedule),
        MOVE,
        q -> bind(q, schedule, name),
        (h, found) -> {
          found.first(row -> true);
          Optional<Backfill> after =
              found
                  .first(BackfillRows::backfill)
                  .filter(b -> b.state() == from)
                  .map(b -> withState(b, to));
          if (after.isEmpty()) {
            return Outcome.unchanged(after);
          }
          Statements.of(BackfillRows.UPDATE)
              .run(h, q -> BackfillRows.bind(q, schedule, after.get()));
          return Outcome.changed(
              after,
              fresh -> lookUp(fresh, schedule, name).filter(b -> b.state() == to).isPresent());
        });
  }

  private static Backfill withState(Backfill b, State state) {
    return new Backfill(
        b.name(),
        b.definition(),
        state,
        b.position(),
        b.skipped(),
        b.active(),
        b.succeeded(),
        b.failed());
  }

  private static Optional<Backfill> lookUp(Handle h, ScheduleKey schedule, String name) {
    return LOOK_UP.run(
        h,
        q -> q.bind("backfill", BackfillRows.id(schedule, name)),
        found -> found.first(BackfillRows::backfill));
  }

  // ---- steps

  @Override
  public Answer advanceBackfill(ScheduleKey schedule, String cluster, Step step) {
    List<Position> dates = step.dates().stream().map(DateRuns::position).toList();
    try {
      return transactions.write(
          "step of backfill %s of schedule %s".formatted(step.name(), schedule),
          ADVANCE,
          q ->
              bind(q, schedule, step.name())
                  .bind("namespace", schedule.namespace())
                  .bind("name", schedule.name())
                  .bindList("clients", some(dates.stream().map(Position::client).distinct()))
                  .bindList("dates", some(dates.stream().map(Position::date).distinct()))
                  .bindList(
                      "ticks",
                      some(
                          dates.stream()
                              .map(p -> TickRows.id(schedule, p.client(), p.date(), "")))),
          (h, found) -> new Advance(h, schedule, step).carryOut(found, cluster));
    } catch (StatementRefused e) {
      // a duplicate: another process has inserted a run meanwhile
      return e.isDuplicate() ? new Answer.Stale() : new Answer.Refused(e.getMessage());
    }
  }

  /** A list in SQL cannot be empty. */
  private static List<String> some(Stream<String> values) {
    List<String> list = values.toList();
    return list.isEmpty() ? List.of("") : list;
  }

  /** One transaction, after its opening. */
  private final class Advance {
    private final Handle h;
    private final ScheduleKey schedule;
    private final Step step;

    Advance(Handle h, ScheduleKey schedule, Step step) {
      this.h = h;
      this.schedule = schedule;
      this.step = step;
    }

    Outcome<Answer> carryOut(Results found, String cluster) {
      Optional<Schedules.Locked> locked =
          Schedules.locked(found, cluster).filter(Schedules.Locked::isOwner);
      if (locked.isEmpty()) {
        return Outcome.unchanged(new Answer.NotOwner());
      }
      Optional<Backfill> row = found.first(BackfillRows::backfill);
      if (row.filter(b -> b.state() == State.RUNNING && b.position().equals(step.from()))
          .isEmpty()) {
        return Outcome.unchanged(new Answer.Stale());
      }
      Map<String, RunState> open =
          found.all(filter, Backfills::stateOf).stream()
              .collect(Collectors.toMap(OpenRun::id, OpenRun::state));
      Map<String, TickRow> ticks =
          found.all(TickRows::tick).stream().collect(Collectors.toMap(TickRow::id, t -> t));
      Map<Position, List<RunState>> runs =
          found.all(filter, Backfills::dateOf).stream()
              .collect(
                  Collectors.groupingBy(
                      DateState::position,
                      Collectors.mapping(DateState::state, Collectors.toList())));
      Instant now = found.first(Locks::time).orElseThrow();
      return store(row.get(), open, wanted(ticks, runs), locked.get().limits(), now);
    }

    /** The dates that run. */
    private List<Chosen> wanted(Map<String, TickRow> ticks, Map<Position, List<RunState>> runs) {
      List<Chosen> wanted = new ArrayList<>();
      for (DateRuns date : step.dates()) {
        Position p = date.position();
        Optional<TickRow> tick =
            Optional.ofNullable(ticks.get(TickRows.id(schedule, p.client(), p.date(), "")));
        History history =
            new History(tick.filter(TickRow::isFired).isPresent(), runs.getOrDefault(p, List.of()));
        switch (BackfillDecider.decide(step.reprocess(), history)) {
          case RUN -> wanted.add(new Chosen(date, tick, false));
          case RUN_AGAIN -> wanted.add(new Chosen(date, tick, true));
          case SKIP -> {}
        }
      }
      return wanted;
    }

    private Outcome<Answer> store(
        Backfill before,
        Map<String, RunState> open,
        List<Chosen> wanted,
        LockedLimits limits,
        Instant now) {
      List<NewRun> candidates =
          wanted.stream()
              .flatMap(c -> Stream.of(c.date().first(), c.date().again()))
              .map(NewRuns::withMicros)
              .toList();
      Existing existing =
          candidates.isEmpty()
              ? new Existing(Map.of(), Map.of(), now)
              : NewRuns.lock(h, candidates, filter);
      List<TickRow> ticks = new ArrayList<>();
      List<NewRun> begun = new ArrayList<>();
      for (Chosen chosen : wanted) {
        boolean again = chosen.again() || isUsed(chosen.date().first(), existing);
        NewRun run = NewRuns.withMicros(again ? chosen.date().again() : chosen.date().first());
        if (isUsed(run, existing)) {
          continue; // a user has created a run of this name: counted as skipped
        }
        begun.add(run);
        ticks.add(chosen.row(schedule, again ? step.name() : "", run, now));
      }
      List<Run> accepted = NewRuns.accept(begun, existing, ageing, limits);
      List<String> ended =
          open.entrySet().stream()
              .filter(e -> e.getValue().isFinal())
              .map(Map.Entry::getKey)
              .sorted()
              .toList();
      long succeeded = ended.stream().filter(id -> open.get(id) == RunState.SUCCEEDED).count();
      Backfill after =
          new Backfill(
              before.name(),
              before.definition(),
              before.state(),
              step.to(),
              before.skipped() + step.skipped() + step.dates().size() - begun.size(),
              before.active() - ended.size() + begun.size(),
              before.succeeded() + succeeded,
              before.failed() + ended.size() - succeeded);
      Answer answer = new Answer.Advanced(after, begun.size());
      if (after.equals(before)) {
        return Outcome.unchanged(answer);
      }
      write(after, ticks, begun, accepted, ended);
      NewRuns.deleteUnusedKeys(h, candidates, accepted);
      return Outcome.changed(
          answer, fresh -> lookUp(fresh, schedule, step.name()).filter(after::equals).isPresent());
    }

    private void write(
        Backfill after,
        List<TickRow> ticks,
        List<NewRun> begun,
        List<Run> accepted,
        List<String> ended) {
      List<String> texts = new ArrayList<>();
      TickWrites.add(texts, accepted, "r", Rows::insertRunsOfTicks);
      TickWrites.add(texts, ticks, "t", TickRows::upsertTicks);
      TickWrites.add(
          texts,
          begun,
          "b",
          prefixes ->
              Rows.insert("backfill_run", List.of("backfill_id", "run_id"), prefixes)
                  + " ON DUPLICATE KEY UPDATE run_id = VALUES(run_id)");
      if (!ended.isEmpty()) {
        texts.add("DELETE FROM backfill_run WHERE backfill_id = :backfill AND run_id IN (<ended>)");
      }
      texts.add(BackfillRows.UPDATE);
      if (!accepted.isEmpty()) {
        texts.add(RunTransactions.REFRESH_KEYS);
      }
      Statements.of(texts.toArray(String[]::new))
          .run(
              h,
              q -> {
                BackfillRows.bind(q, schedule, after);
                for (int i = 0; i < accepted.size(); i++) {
                  String prefix = NewRuns.prefix("r", i);
                  Rows.bind(q, prefix, accepted.get(i))
                      .bind(prefix + "tick_schedule", schedule.id());
                }
                for (int i = 0; i < ticks.size(); i++) {
                  TickRows.bind(q, NewRuns.prefix("t", i), schedule, ticks.get(i));
                }
                for (int i = 0; i < begun.size(); i++) {
                  String prefix = NewRuns.prefix("b", i);
                  q.bind(prefix + "backfill_id", BackfillRows.id(schedule, step.name()))
                      .bind(prefix + "run_id", begun.get(i).key().id());
                }
                if (!ended.isEmpty()) {
                  q.bindList("ended", ended);
                }
                if (!accepted.isEmpty()) {
                  q.bindList(
                      "keys", accepted.stream().map(r -> r.admitKey().value()).distinct().toList());
                }
              });
    }
  }

  /** A date that runs; {@code again} if not for the first time. */
  private record Chosen(DateRuns date, Optional<TickRow> tick, boolean again) {

    TickRow row(ScheduleKey schedule, String backfill, NewRun run, Instant now) {
      Position p = date.position();
      Optional<TickRow> before = backfill.isEmpty() ? tick : Optional.empty();
      return new TickRow(
          TickRows.id(schedule, p.client(), p.date(), backfill),
          p.client(),
          p.date(),
          backfill,
          "",
          before.flatMap(TickRow::cronTime),
          before.map(TickRow::cronTimes).orElse(0L),
          Optional.of(run.key().id()),
          now);
    }
  }

  /** Whether the name belongs to another run, or to one that has ended: it cannot run again. */
  private static boolean isUsed(NewRun run, Existing existing) {
    Optional<Run> before = Optional.ofNullable(existing.runs().get(run.key()));
    return existing.unreadable().containsKey(run.key())
        || before
            .filter(
                b -> b.state().isFinal() || !b.definition().requestSha().equals(run.requestSha()))
            .isPresent();
  }

  private record OpenRun(String id, RunState state) {}

  private static OpenRun stateOf(ResultSet row) throws SQLException {
    return new OpenRun(row.getString("run_id"), state(row));
  }

  private record DateState(Position position, RunState state) {}

  private static DateState dateOf(ResultSet row) throws SQLException {
    return new DateState(
        new Position(row.getString("business_date"), row.getString("client")), state(row));
  }

  private static RunState state(ResultSet row) throws SQLException {
    return Rows.known(RunState.class, "run.state", row.getString("state"));
  }
}
