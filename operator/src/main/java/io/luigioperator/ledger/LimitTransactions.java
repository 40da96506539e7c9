/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import io.luigioperator.ledger.ScheduleLedger.LimitChange;
import io.luigioperator.ledger.ScheduleLedger.LimitedSchedule;
import io.luigioperator.ledger.Transactions.Opening;
import io.luigioperator.ledger.Transactions.Outcome;
import io.luigioperator.run.AdmitKey;
import io.luigioperator.run.LimitTransitions;
import io.luigioperator.run.Run;
import io.luigioperator.run.ScheduleKey;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jdbi.v3.core.Handle;

/**
 * Transactions that set the limit of a schedule, and that release and hold its runs. They lock the
 * row of the schedule exclusively: until the commit no other transaction makes a run of it READY
 * that was not READY before, so that the number of runs that count can only fall.
 */
final class LimitTransactions {

  /** Runs that are released or held in one commit. */
  static final int BATCH = 50;

  private static final String SET =
      """
      INSERT INTO schedule (schedule_id, namespace, name, owner_cluster, max_runs, limited)
      VALUES (:schedule, :namespace, :name, NULL, :max, TRUE)
      ON DUPLICATE KEY UPDATE max_runs = :max, limited = TRUE
      """;

  private static final Opening SET_LIMIT = Opening.of(SET);

  /** What no longer waits is released afterwards, so that the mark remains. */
  private static final Opening REMOVE_LIMIT =
      Opening.of("UPDATE schedule SET max_runs = NULL WHERE schedule_id = :schedule");

  private static final Statements LIMIT =
      Statements.of("SELECT max_runs FROM schedule WHERE schedule_id = :schedule");

  /**
   * One state at a time: for a list of them MariaDB would read all runs of the schedule.
   *
   * @param state as in {@link SqlStates}
   * @param schedule its id, as SQL
   */
  private static String count(String state, String schedule) {
    return """
    (SELECT COUNT(*) FROM run r FORCE INDEX (run_limit)
      WHERE r.schedule_id = %s AND r.limit_state = %s)\
    """
        .formatted(schedule, state);
  }

  /**
   * @param schedule its id, as SQL
   */
  private static String isWaiting(String schedule) {
    return """
    (SELECT 1 FROM run r FORCE INDEX (run_limit)
      WHERE r.schedule_id = %s AND r.limit_state = {HELD} LIMIT 1) IS NOT NULL\
    """
        .formatted(schedule);
  }

  /** Of a schedule without a limit, only whether runs wait is of interest. */
  private static final String USE =
      """
      SELECT s.namespace, s.name, s.max_runs,
        IF(s.max_runs IS NULL, 0, %s) AS ready,
        IF(s.max_runs IS NULL, 0, %s + %s) AS busy,
        %s AS waiting
      FROM schedule s FORCE INDEX (schedule_limited)
      """
          .formatted(
              count("{READY}", "s.schedule_id"),
              count("{ACTIVE}", "s.schedule_id"),
              count("{DELAYED}", "s.schedule_id"),
              isWaiting("s.schedule_id"));

  static final String LIMITED_SCHEDULES =
      USE + "WHERE s.limited_id > :after ORDER BY s.limited_id LIMIT :limit";

  private static final Statements LIMITED = Statements.of(LIMITED_SCHEDULES);

  static final String LIMITED_SCHEDULE = USE + "WHERE s.limited_id = :schedule";

  private static final Statements ONE_LIMITED = Statements.of(LIMITED_SCHEDULE);

  static final String FIRST_WAITING =
      """
      SELECT run_id, admit_key FROM run FORCE INDEX (run_limit)
      WHERE schedule_id = :schedule AND limit_state = {HELD}
      ORDER BY admit_at, run_id LIMIT :limit
      """;

  static final String LAST_READY =
      """
      SELECT run_id, admit_key FROM run FORCE INDEX (run_limit)
      WHERE schedule_id = :schedule AND limit_state = {READY}
      ORDER BY admit_at DESC, run_id DESC LIMIT :limit
      """;

  /** A run, as it was found without a lock. */
  private record Candidate(String runId, AdmitKey key) {}

  private static final Comparator<Run> ADMISSION =
      Comparator.comparing((Run run) -> run.times().admitAt()).thenComparing(run -> run.key().id());

  /** The last statement counts what can only become less. */
  private static final Opening CHANGE =
      Opening.of(
          "SELECT max_runs FROM schedule WHERE schedule_id = :schedule FOR UPDATE",
          Locks.MUTEXES,
          Locks.RUNS,
          "SELECT UTC_TIMESTAMP(6) AS db_now, %s + %s + %s AS runs"
              .formatted(
                  count("{READY}", ":schedule"),
                  count("{ACTIVE}", ":schedule"),
                  count("{DELAYED}", ":schedule")));

  private static final Opening UNMARK =
      Opening.of(
          """
          SELECT max_runs IS NULL AND NOT (%s) AS unlimited
          FROM schedule WHERE schedule_id = :schedule FOR UPDATE
          """
              .formatted(isWaiting(":schedule")));

  private static final Statements NOT_LIMITED =
      Statements.of("UPDATE schedule SET limited = FALSE WHERE schedule_id = :schedule");

  private final Transactions transactions;
  private final RowFilter filter;

  LimitTransactions(Transactions transactions, RowFilter filter) {
    this.transactions = transactions;
    this.filter = filter;
  }

  /** Writes only if it changes something, because it is called for each schedule at the start. */
  void set(ScheduleKey schedule, Optional<Integer> maxRuns) {
    Optional<Integer> known =
        transactions.read(
            "limit of schedule " + schedule,
            h ->
                LIMIT.run(
                    h, q -> q.bind("schedule", schedule.id()), LimitTransactions::firstLimit));
    if (known.equals(maxRuns)) {
      return;
    }
    transactions.write(
        "limit of schedule " + schedule,
        maxRuns.isPresent() ? SET_LIMIT : REMOVE_LIMIT,
        q ->
            q.bind("schedule", schedule.id())
                .bind("namespace", schedule.namespace())
                .bind("name", schedule.name())
                .bind("max", maxRuns),
        (h, found) -> Outcome.repeatable(true));
  }

  private static Optional<Integer> firstLimit(Results found) {
    return found.first(LimitTransactions::limit).flatMap(limit -> limit);
  }

  private static Optional<Integer> limit(ResultSet row) throws SQLException {
    int max = row.getInt("max_runs");
    return row.wasNull() ? Optional.empty() : Optional.of(max);
  }

  List<LimitedSchedule> limited(Optional<ScheduleKey> after, int limit) {
    return transactions.read(
        "schedules with a limit",
        h ->
            LIMITED.run(
                h,
                q -> q.bind("after", after.map(ScheduleKey::id).orElse("")).bind("limit", limit),
                found -> found.all(LimitTransactions::use)));
  }

  private static LimitedSchedule use(ResultSet row) throws SQLException {
    return new LimitedSchedule(
        new ScheduleKey(row.getString("namespace"), row.getString("name")),
        limit(row),
        row.getLong("ready"),
        row.getLong("busy"),
        row.getBoolean("waiting"));
  }

  LimitChange enforce(ScheduleKey schedule) {
    Optional<LimitedSchedule> use =
        transactions.read(
            "limit of schedule " + schedule,
            h ->
                ONE_LIMITED.run(
                    h,
                    q -> q.bind("schedule", schedule.id()),
                    found -> found.first(LimitTransactions::use)));
    return new LimitChange(use, use.map(this::enforce).orElse(List.of()));
  }

  private List<Run> enforce(LimitedSchedule use) {
    if (use.released() > 0) {
      return change(use.schedule(), FIRST_WAITING, use.released(), Changes::release);
    }
    if (use.held() > 0) {
      return change(use.schedule(), LAST_READY, use.held(), Changes::hold);
    }
    if (use.maxRuns().isEmpty()) {
      unmark(use.schedule());
    }
    return List.of();
  }

  private void unmark(ScheduleKey schedule) {
    transactions.write(
        "end of the limit of schedule " + schedule,
        UNMARK,
        q -> q.bind("schedule", schedule.id()),
        (h, found) -> {
          if (found.first(row -> row.getBoolean("unlimited")).filter(is -> is).isEmpty()) {
            return Outcome.unchanged(false);
          }
          NOT_LIMITED.run(h, q -> q.bind("schedule", schedule.id()));
          return Outcome.repeatable(true);
        });
  }

  /**
   * What one transaction does, with all rows locked.
   *
   * @param maxRuns empty: no limit
   * @param counting how many runs count at most
   * @param runs the candidates, in the order of admission
   */
  private record Changes(Optional<Integer> maxRuns, long counting, List<Run> runs, Instant now) {

    List<Run> release() {
      long free = maxRuns.map(max -> max - counting).orElse(Long.MAX_VALUE);
      return runs.stream()
          .filter(Run::waitsForLimit)
          .limit(Math.max(0, free))
          .flatMap(run -> LimitTransitions.release(run, now).stream())
          .toList();
    }

    List<Run> hold() {
      long beyond = maxRuns.map(max -> counting - max).orElse(0L);
      return runs.reversed().stream()
          .flatMap(run -> LimitTransitions.hold(run).stream())
          .limit(Math.max(0, beyond))
          .toList();
    }
  }

  private List<Run> change(
      ScheduleKey schedule, String search, long count, Function<Changes, List<Run>> what) {
    List<Candidate> candidates =
        transactions.read(
            "search for runs of schedule " + schedule,
            h ->
                h.createQuery(SqlStates.expand(search))
                    .bind("schedule", schedule.id())
                    .bind("limit", Math.min(count, BATCH))
                    .map(
                        (rs, ctx) ->
                            new Candidate(
                                rs.getString("run_id"), new AdmitKey(rs.getString("admit_key"))))
                    .list());
    if (candidates.isEmpty()) {
      return List.of();
    }
    Set<AdmitKey> keys =
        candidates.stream().map(Candidate::key).collect(Collectors.toCollection(TreeSet::new));
    return transactions.write(
        "limit of schedule " + schedule,
        CHANGE,
        q ->
            q.bind("schedule", schedule.id())
                .bindList("keys", keys.stream().map(AdmitKey::value).toList())
                .bindList("ids", candidates.stream().map(Candidate::runId).toList()),
        (h, found) -> change(h, found, keys, what));
  }

  private Outcome<List<Run>> change(
      Handle h, Results found, Set<AdmitKey> keys, Function<Changes, List<Run>> what) {
    Optional<Integer> maxRuns = firstLimit(found);
    found.all(Locks::mutex);
    List<Run> runs =
        found.all(filter, Rows::run).stream()
            .filter(run -> keys.contains(run.admitKey()))
            .sorted(ADMISSION)
            .toList();
    Map.Entry<Long, Instant> counted =
        found.first(row -> Map.entry(row.getLong("runs"), Locks.time(row))).orElseThrow();
    List<Run> changed =
        what.apply(new Changes(maxRuns, counted.getKey(), runs, counted.getValue()));
    if (changed.isEmpty()) {
      return Outcome.unchanged(List.of());
    }
    RunTransactions.storeAll(h, changed);
    return Outcome.changed(changed, RunTransactions.wroteAny(changed));
  }
}
