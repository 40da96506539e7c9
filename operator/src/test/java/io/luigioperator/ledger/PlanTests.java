/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import static java.util.stream.Collectors.joining;
import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.run.Reasons;
import io.luigioperator.run.ScheduleKey;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.IntStream;
import org.jdbi.v3.core.statement.Query;
import org.junit.jupiter.api.Test;

/** Sweeps and admission use their indexes when the tables have grown. */
interface PlanTests extends SqlFixture {

  /** Access types that read a part of an index, and never a whole table or index. */
  Set<String> BOUNDED = Set.of("const", "eq_ref", "ref", "range");

  /** One row for each table, which is not the default of MySQL 9. */
  String EXPLAIN = "EXPLAIN FORMAT=TRADITIONAL ";

  /** Index used for each table of a query, by the name the query gives it. */
  default Map<String, String> indexes(String query, Map<String, Object> bindings) {
    Query explain = sql().handle().createQuery(EXPLAIN + SqlStates.expand(query));
    bindings.forEach(explain::bind);
    Map<String, String> indexes = new HashMap<>();
    for (Map<String, Object> step : explain.mapToMap().list()) {
      String table = String.valueOf(step.get("table"));
      if (table.equals("null") || table.startsWith("<")) {
        continue; // the one row that time comes with, or rows of other steps
      }
      assertThat(step.get("type")).as("%s", step).isIn(BOUNDED);
      indexes.put(table, String.valueOf(step.get("key")));
    }
    return indexes;
  }

  /** 4096 runs of as many clients, most of them long ended, a few of each other state. */
  default void fill() {
    claimed(accepted(RunBuilder.named("r")));
    for (int i = 0; i < 12; i++) {
      sql()
          .handle()
          .execute(
              """
              INSERT INTO run (run_id, namespace, name, client, business_date, schedule, schedule_id, mutex_key,
                admit_key, next_kind, state, reason, message, cancel, desired, priority, claims, counted, infra,
                uncounted, max_attempts, max_infra, accepted_at, admit_at, not_before, started_at,
                start_deadline, finished_at, request, request_sha, hash_version)
              SELECT LEFT(SHA2(CONCAT(run_id, ?), 256), 32), namespace, CONCAT(name, ?), client, business_date,
                schedule, schedule_id, LEFT(SHA2(CONCAT(admit_key, ?), 256), 32),
                LEFT(SHA2(CONCAT(admit_key, ?), 256), 32), next_kind, state, reason, message, cancel, desired,
                priority, claims, counted, infra, uncounted, max_attempts, max_infra, accepted_at,
                admit_at, UTC_TIMESTAMP(6), NULL, UTC_TIMESTAMP(6) + INTERVAL 1 DAY, UTC_TIMESTAMP(6), request,
                request_sha, hash_version FROM run
              """,
              i,
              i,
              i,
              i);
    }
    sql()
        .handle()
        .execute(
            """
            UPDATE run SET state = CASE MOD(CONV(SUBSTRING(run_id, 1, 4), 16, 10), 64)
              WHEN 0 THEN 'READY' WHEN 1 THEN 'DELAYED' WHEN 2 THEN 'HELD' ELSE 'SUCCEEDED' END
            WHERE name <> 'r'
            """);
    sql()
        .handle()
        .execute(
            """
            INSERT INTO client_mutex (admit_key, next_admit_at)
            SELECT r.admit_key, MIN(IF(r.state = 'READY', r.admit_at, NULL)) FROM run r
            WHERE r.name <> 'r' GROUP BY r.admit_key
            """);
    sql()
        .handle()
        .execute(
            """
            INSERT INTO attempt (run_id, number, kind, admit_key, fence, cluster_identity, state, token,
              job_name, claimed_at)
            SELECT r.run_id, 1, 'RUN', r.admit_key, 1, 'one/uid-1', 'ENDED', r.run_id, r.name, r.accepted_at
            FROM run r WHERE r.name <> 'r'
            """);
    for (String cluster : List.of(CLUSTER, OTHER_CLUSTER)) {
      ledger().clusters().register(cluster.equals(CLUSTER) ? ONE : TWO, true);
      sql()
          .handle()
          .execute(
              """
              INSERT INTO run_object
                (run_id, cluster_identity, uid, applied_generation, created_at, by_operator)
              SELECT run_id, ?, run_id, 1, '2026-03-01', FALSE FROM run WHERE name <> 'r'
              """,
              cluster);
    }
    for (String table : List.of("run", "client_mutex", "attempt", "run_object")) {
      sql().handle().createQuery("ANALYZE TABLE " + table).mapToMap().list();
    }
  }

  @Test
  default void everySweepReadsARangeOfAnIndex() {
    fill();
    Map<String, String> heads =
        indexes(
            Queries.OPEN_HEADS.replace("<except>", "''"),
            Map.of("openAt", "1970-01-01", "key", "", "cluster", "one", "limit", 50));
    assertThat(heads)
        .containsEntry("m", "client_mutex_open_at")
        .containsEntry("head", "run_heads")
        .containsEntry("r", "PRIMARY")
        .containsEntry("o", "PRIMARY");
    assertThat(indexes(Maintenance.DUE, Map.of("limit", 50))).containsEntry("run", "run_due");
    assertThat(indexes(Maintenance.EXPIRED, Map.of("limit", 50)))
        .containsEntry("run", "run_expiring");
    assertThat(indexes(Maintenance.PURGEABLE, Map.of("before", "2001-01-01", "limit", 50)))
        .containsEntry("run", "run_purgeable");
    assertThat(indexes(Queries.LIVE_ATTEMPTS, Map.of("cluster", "one")))
        .containsEntry("a", "attempt_live_key")
        .containsEntry("r", "PRIMARY");
    assertThat(
            indexes(Queries.ATTEMPTS_ELSEWHERE, Map.of("cluster", "one", "after", "", "limit", 50)))
        .containsEntry("a", "attempt_live_key")
        .containsEntry("r", "PRIMARY")
        .containsKey("o"); // by either of its two indexes, which have the same columns
    assertThat(indexes(Maintenance.STALE_HOLDERS, Map.of("limit", 50)))
        .containsEntry("m", "client_mutex_holder_run")
        .containsEntry("a", "attempt_live_key");
    assertThat(indexes(Maintenance.HEADS, Map.of("after", "", "limit", 50)))
        .containsEntry("m", "PRIMARY")
        .containsEntry("r", "run_heads");
    assertThat(
            indexes(
                Maintenance.CLAIMS_OF_SILENT_CLUSTERS, Map.of("silence", 60_000_000, "limit", 50)))
        .containsEntry("a", "attempt_live_key")
        .containsEntry("r", "PRIMARY")
        .containsEntry("c", "PRIMARY");
    String tokens = IntStream.range(0, 50).mapToObj(i -> "'t" + i + "'").collect(joining(","));
    assertThat(indexes(Queries.ATTEMPTS_BY_TOKEN.replace("<tokens>", tokens), Map.of()))
        .containsEntry("a", "attempt_token")
        .containsEntry("r", "PRIMARY");
    assertThat(
            indexes(Queries.RECORDED_OBJECTS, Map.of("cluster", "one", "after", "", "limit", 50)))
        .containsEntry("r", "run_open")
        .containsEntry("o", "PRIMARY");
    assertThat(indexes(Queries.HELD_FOR, Map.of("reason", Reasons.HELD, "after", "", "limit", 50)))
        .containsEntry("r", "run_held");
    ledger().schedules().limit(ScheduleContract.NIGHTLY, Optional.of(9));
    String nightly = ScheduleContract.NIGHTLY.id();
    for (Map<String, String> limited :
        List.of(
            indexes(LimitTransactions.LIMITED_SCHEDULES, Map.of("after", "", "limit", 50)),
            indexes(LimitTransactions.LIMITED_SCHEDULE, Map.of("schedule", nightly)))) {
      assertThat(limited).containsEntry("s", "schedule_limited").containsEntry("r", "run_limit");
    }
    for (String search : List.of(LimitTransactions.FIRST_WAITING, LimitTransactions.LAST_READY)) {
      assertThat(indexes(search, Map.of("schedule", nightly, "limit", 50)))
          .containsEntry("run", "run_limit");
    }
    sql().handle().execute("UPDATE run SET tick_schedule = 'nightly' WHERE name <> 'r'");
    sql().handle().createQuery("ANALYZE TABLE run").mapToMap().list();
    assertThat(indexes(ScheduleDeletion.QUEUED_RUNS, Map.of("schedule", "nightly", "limit", 51)))
        .containsEntry("run", "run_queued_ticks");
    assertThat(sql().handle().createQuery(EXPLAIN + Queries.NEXT_DUE).mapToMap().one())
        .as("answered by one end of the index")
        .containsEntry("extra", "Select tables optimized away");
    assertThat(indexes(Queries.HOLDERS, Map.of("limit", 50)))
        .containsEntry("m", "client_mutex_holder_run")
        .containsEntry("r", "PRIMARY");
    List<String> some =
        sql()
            .handle()
            .createQuery("SELECT CONCAT('\\'', run_id, '\\'') FROM run LIMIT 3")
            .mapTo(String.class)
            .list();
    for (String ids : List.of(some.getFirst(), String.join(", ", some))) {
      assertThat(
              indexes(
                  Schedules.ENDED_RUNS_OF_TICKS.replace("<ids>", ids),
                  Map.of("schedule", "nightly", "client", "acme")))
          .containsEntry("run", "PRIMARY");
      assertThat(indexes(Queries.LOAD.replace("<ids>", ids), Map.of("cluster", "one", "shown", 10)))
          .containsEntry("r", "PRIMARY")
          .containsEntry("a", "PRIMARY")
          .containsEntry("o", "PRIMARY")
          .containsEntry("m", "PRIMARY")
          .containsEntry("w", "PRIMARY");
    }
    everyLockIsTakenByPrimaryKey();
  }

  /** 4096 clients of four schedules, with a tick each. */
  @Test
  default void decisionsOfTicksReadTheRowsOfTheirClientsOnly() {
    ScheduleKey schedule = ScheduleContract.NIGHTLY;
    ledger().schedules().own(schedule, CLUSTER);
    String digits =
        "(SELECT 0 AS n UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5"
            + " UNION SELECT 6 UNION SELECT 7)";
    String clients = "%1$s a JOIN %1$s b JOIN %1$s c JOIN %1$s d".formatted(digits);
    sql()
        .handle()
        .execute(
            """
            INSERT INTO schedule_client (schedule_id, client, decided_until, rules, cron_times)
            SELECT IF(a.n < 2, ?, CONCAT('other', a.n)), CONCAT('c', a.n, b.n, c.n, d.n),
              '2026-11-01', '{}', 1
            FROM %s
            """
                .formatted(clients),
            schedule.id());
    for (String date : List.of("2026-11-01", "2026-11-02")) {
      sql()
          .handle()
          .execute(
              """
              INSERT INTO tick (tick_id, schedule_id, client, business_date, backfill, decision, reason, cron_time,
                cron_times, run_id, decided_at)
              SELECT LEFT(SHA2(CONCAT(schedule_id, client, ?), 256), 32), schedule_id, client, ?, '', 'FIRED', '',
                '2026-11-01', 1, LEFT(SHA2(CONCAT(schedule_id, client, ?), 256), 32), '2026-11-01'
              FROM schedule_client
              """,
              date,
              date,
              date);
    }
    for (int i = 0; i < 200; i++) {
      ledger()
          .schedules()
          .own(new ScheduleKey("team-b", "s" + i), i % 50 == 0 ? CLUSTER : OTHER_CLUSTER);
    }
    for (String table : List.of("schedule", "schedule_client", "tick")) {
      sql().handle().createQuery("ANALYZE TABLE " + table).mapToMap().list();
    }
    assertThat(indexes(TickAudits.CHECK, Map.of("schedule", schedule.id(), "client", "c0000")))
        .containsEntry("c", "PRIMARY")
        .containsEntry("s", "PRIMARY")
        .containsEntry("t", "tick_date")
        .containsEntry("r", "PRIMARY");
    assertThat(
            indexes(
                TickAudits.PAGE, Map.of("schedule", schedule.id(), "client", "c0000", "limit", 10)))
        .containsEntry("schedule_client", "PRIMARY")
        .containsEntry("g", "PRIMARY");
    String two = "'c0000', 'c0101'";
    String fifty =
        IntStream.range(0, 50).mapToObj(i -> "'c00%02d'".formatted(i)).collect(joining(","));
    assertThat(
            indexes(
                Schedules.SCHEDULES_OF_OWNER, Map.of("cluster", CLUSTER, "after", "", "limit", 10)))
        .containsEntry("schedule", "schedule_owner");
    assertThat(
            indexes(
                Schedules.CLIENTS_OF_SCHEDULE,
                Map.of("schedule", schedule.id(), "after", "c0", "limit", 10)))
        .containsEntry("schedule_client", "PRIMARY");
    for (String some : List.of("'c0000'", two, fifty)) {
      assertThat(
              indexes(
                  Schedules.DATES_FIRED.replace("<clients>", some),
                  Map.of("schedule", schedule.id(), "first", "2026-11-02")))
          .containsEntry("tick", "tick_date");
      assertThat(
              indexes(
                  Schedules.LOCK_CLIENTS.replace("<clients>", some),
                  Map.of("schedule", schedule.id())))
          .containsEntry("schedule_client", "PRIMARY");
    }
    List<String> ids =
        sql()
            .handle()
            .createQuery("SELECT CONCAT('\\'', tick_id, '\\'') FROM tick LIMIT 50")
            .mapTo(String.class)
            .list();
    for (String some : List.of(ids.getFirst(), String.join(", ", ids))) {
      assertThat(indexes(TickRows.READ_TICKS.replace("<ticks>", some), Map.of()))
          .containsEntry("tick", "PRIMARY");
    }
  }

  /** 800 backfills of 200 schedules, with three runs each, and 4096 runs of other clients. */
  @Test
  default void backfillsReadTheirOwnRowsOnly() {
    fill();
    for (int s = 0; s < 200; s++) {
      ScheduleKey schedule = new ScheduleKey("team-a", "s" + s);
      for (int b = 0; b < 4; b++) {
        String id = BackfillRows.id(schedule, "b" + b);
        sql()
            .handle()
            .execute(
                "INSERT INTO backfill (backfill_id, schedule_id, name, definition, state, created_at,"
                    + " ended_at) VALUES (?, ?, ?, '{}', ?, '2026-11-01', ?)",
                id,
                schedule.id(),
                "b" + b,
                b == 0 ? "RUNNING" : "COMPLETED",
                b == 0 ? null : "2026-11-02");
        sql()
            .handle()
            .execute(
                "INSERT INTO backfill_run (backfill_id, run_id) SELECT ?, run_id FROM run LIMIT 3",
                id);
      }
    }
    sql().handle().execute("UPDATE run SET client = LEFT(run_id, 20) WHERE name <> 'r'");
    for (String table : List.of("backfill", "backfill_run", "run")) {
      sql().handle().createQuery("ANALYZE TABLE " + table).mapToMap().list();
    }
    ScheduleKey one = new ScheduleKey("team-a", "s1");
    String id = BackfillRows.id(one, "b0");
    for (String select : BackfillRows.OF_SCHEDULE.split("UNION")) {
      assertThat(
              indexes(
                  select.replace("<backfills>", "'" + id + "'"),
                  select.contains(":schedule") ? Map.of("schedule", one.id()) : Map.of()))
          .containsKey("b")
          .containsEntry("o", "PRIMARY");
    }
    assertThat(indexes(BackfillRows.LOCKED, Map.of("backfill", id)))
        .containsEntry("b", "PRIMARY")
        .containsEntry("o", "PRIMARY");
    assertThat(indexes(BackfillRows.OPEN_RUNS, Map.of("backfill", id)))
        .containsEntry("o", "PRIMARY")
        .containsEntry("r", "PRIMARY");
    String fifty =
        IntStream.range(0, 50).mapToObj(i -> "'c%02d'".formatted(i)).collect(joining(","));
    for (String clients : List.of("'c00'", fifty)) {
      for (String dates : List.of("'2013-01-15'", "'2013-01-15', '2013-01-16'")) {
        assertThat(
                indexes(
                    Backfills.RUNS_OF_DATES.replace("<clients>", clients).replace("<dates>", dates),
                    Map.of("namespace", "team-a", "name", "nightly")))
            .containsEntry("run", "run_dates");
      }
    }
  }

  /** For one client, and for as many as are read at once. */
  @Test
  default void theNewestRunsOfEachClientAreARangeOfAnIndex() {
    fill();
    for (int clients : List.of(1, ScheduleLedger.MAX_CLIENTS)) {
      Query explain = sql().handle().createQuery(EXPLAIN + NewestRuns.text(clients));
      explain.bind("limit", 4);
      for (int i = 0; i < clients; i++) {
        explain
            .bind("namespace" + i, "team-a")
            .bind("schedule" + i, "nightly")
            .bind("client" + i, i == 0 ? "acme" : "c" + i);
      }
      List<Map<String, Object>> steps =
          explain.mapToMap().list().stream()
              .filter(step -> "run".equals(step.get("table")))
              .toList();
      assertThat(steps)
          .hasSize(clients)
          .allSatisfy(
              step -> {
                assertThat(step).containsEntry("key", "run_dates");
                assertThat(step.get("type")).isIn(BOUNDED);
                assertThat(String.valueOf(step.get("extra"))).doesNotContain("filesort");
              });
    }
  }

  /** Otherwise a namespace with many waiting runs would make each admission pass expensive. */
  @Test
  default void headsOfAFullNamespaceAreSkippedWithoutReadingTheirRuns() {
    fill();
    sql()
        .handle()
        .execute(
            """
            INSERT INTO client_mutex (admit_key, next_admit_at)
            SELECT CONCAT('full/', run_id), '2000-01-01' FROM run LIMIT 2000
            """);
    sql().handle().createQuery("ANALYZE TABLE client_mutex").mapToMap().list();

    long before = keysRead();
    List<Map<String, Object>> heads =
        sql()
            .handle()
            .createQuery(Queries.OPEN_HEADS.replace("<except>", "'full', 'other'"))
            .bind("openAt", "1970-01-01")
            .bind("key", "")
            .bind("cluster", CLUSTER)
            .bind("limit", 50)
            .mapToMap()
            .list();

    assertThat(heads).hasSize(50);
    assertThat(keysRead() - before).isLessThan(50 * 6);
  }

  /** Lookups by a key in this session. */
  private long keysRead() {
    return sql()
        .handle()
        .createQuery("SHOW SESSION STATUS LIKE 'Handler_read_key'")
        .map((rs, ctx) -> rs.getLong("Value"))
        .one();
  }

  /** Any other way would lock rows that the transaction does not need, and in another order. */
  @Test
  default void locksInAnEmptyLedgerAreTakenByPrimaryKey() {
    claimed(accepted(RunBuilder.named("r")));
    accepted(RunBuilder.named("r2").client("c2"));
    everyLockIsTakenByPrimaryKey();
  }

  private void everyLockIsTakenByPrimaryKey() {
    ledger().schedules().limit(ScheduleContract.NIGHTLY, Optional.of(9));
    ledger().schedules().limit(new ScheduleKey("team-a", "hourly"), Optional.of(9));
    String run = RunBuilder.named("r").key().id();
    String run2 = RunBuilder.named("r2").key().id();
    String key = RunBuilder.named("r").run().mutexKey().value();
    Map<String, Object> attempt = Map.of("id", run, "number", 1);
    assertThat(indexes(Locks.MUTEX, Map.of("key", key))).containsEntry("client_mutex", "PRIMARY");
    assertThat(indexes(Locks.MUTEX_OF_RUN, Map.of("id", run)))
        .containsEntry("client_mutex", "PRIMARY")
        .containsEntry("run", "PRIMARY");
    assertThat(indexes(Locks.MUTEX_OF_ATTEMPT, attempt))
        .containsEntry("client_mutex", "PRIMARY")
        .containsEntry("attempt", "PRIMARY");
    assertThat(indexes(Locks.RUN, Map.of("id", run))).containsEntry("r", "PRIMARY");
    assertThat(indexes(Locks.ATTEMPT, attempt)).containsEntry("a", "PRIMARY");
    String keys = "'" + key + "', 'team-a/c2/default', 'x'";
    assertThat(indexes(Locks.MUTEXES.replace("<keys>", keys), Map.of()))
        .containsEntry("client_mutex", "PRIMARY");
    assertThat(indexes(RunTransactions.REFRESH_KEYS.replace("<keys>", keys), Map.of()))
        .containsEntry("m", "PRIMARY")
        .containsEntry("r", "run_heads");
    assertThat(indexes(LockedLimits.LOCK_OF_RUN, Map.of("id", run)))
        .containsEntry("schedule", "PRIMARY")
        .containsEntry("run", "PRIMARY");
    String schedules = "'%s', 'x'".formatted(ScheduleContract.NIGHTLY.id());
    assertThat(indexes(LockedLimits.LOCK.replace("<schedules>", schedules), Map.of()))
        .containsEntry("schedule", "PRIMARY");
    String ids = "'%s', '%s', 'x'".formatted(run, run2);
    assertThat(indexes(Locks.RUNS.replace("<ids>", ids), Map.of())).containsEntry("r", "PRIMARY");
  }
}
