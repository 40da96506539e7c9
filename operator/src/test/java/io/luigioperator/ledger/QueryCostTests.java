/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.run.Reasons;
import io.luigioperator.run.ScheduleKey;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jdbi.v3.core.statement.Query;
import org.junit.jupiter.api.Test;

/**
 * What a query of a sweep, an admission pass or a reconciliation costs depends on what it returns,
 * and not on how many runs there are: the rows that it reads are counted at two sizes.
 */
interface QueryCostTests extends SqlFixture {

  int FEW = 20_000;
  int MANY = 100_000;

  /** Live attempts of each of the two clusters, however many runs there are. */
  int LIVE = 200;

  int LIMIT = 200;

  ScheduleKey LIMITED_SCHEDULE = new ScheduleKey("team-a", "limited");

  /** Of ten runs, what the one with this remainder is. */
  String STATES =
      """
      INSERT INTO run (run_id, namespace, name, client, business_date, schedule, schedule_id, mutex_key,
        admit_key, next_kind, state, reason, message, cancel, desired, priority, claims, counted,
        infra, uncounted, max_attempts, max_infra, accepted_at, admit_at, not_before, start_deadline,
        started_at, finished_at, request, request_sha, hash_version, tick_schedule)
      SELECT LEFT(SHA2(n, 256), 32), r.namespace, CONCAT('n', n), CONCAT('c', n), r.business_date,
        r.schedule, r.schedule_id, CONCAT('ns/c', n), CONCAT('ns/c', n), r.next_kind,
        CASE MOD(n, 10) WHEN 0 THEN 'SUCCEEDED' WHEN 1 THEN 'HELD' WHEN 2 THEN 'DELAYED'
          WHEN 3 THEN 'DELAYED' ELSE 'READY' END,
        IF(MOD(n, 10) = 1, :held, ''), '', FALSE, r.desired, r.priority, 0, 0,
        0, 0, r.max_attempts, r.max_infra, r.accepted_at, r.admit_at,
        CASE MOD(n, 10) WHEN 2 THEN UTC_TIMESTAMP(6) WHEN 3 THEN UTC_TIMESTAMP(6) + INTERVAL 1 DAY END,
        CASE MOD(n, 10) WHEN 3 THEN '2020-01-01' WHEN 4 THEN '2020-01-02' END,
        IF(MOD(n, 10) = 3, '2019-12-31', NULL), IF(MOD(n, 10) = 0, '2020-01-01', NULL), r.request,
        r.request_sha, r.hash_version, 'nightly'
      FROM (WITH digits AS (SELECT 0 AS d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3
          UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7
          UNION ALL SELECT 8 UNION ALL SELECT 9)
        SELECT a.d + 10 * b.d + 100 * c.d + 1000 * d.d + 10000 * e.d AS n
        FROM digits a CROSS JOIN digits b CROSS JOIN digits c CROSS JOIN digits d CROSS JOIN digits e)
        AS numbers CROSS JOIN (SELECT * FROM run WHERE name = 'r') AS r
      WHERE n >= :from AND n < :to
      """;

  /**
   * Runs of a schedule with a limit: every second of those that have ended or are held, and a fixed
   * number of READY ones.
   */
  String LIMITED =
      """
      UPDATE run SET schedule = 'limited', schedule_id = '%s',
        reason = IF(state = 'HELD', 'ScheduleLimit', reason)
      WHERE name LIKE 'n%%' AND CAST(SUBSTR(name, 2) AS SIGNED) >= :from
        AND (MOD(CAST(SUBSTR(name, 2) AS SIGNED), 20) IN (10, 11) OR name LIKE 'n%%5'
          AND CAST(SUBSTR(name, 2) AS SIGNED) < %d)
      """
          .formatted(LIMITED_SCHEDULE.id(), 10 * LIVE);

  private void execute(String statement, Map<String, Object> values) {
    try (var update = sql().handle().createUpdate(statement)) {
      update.bindMap(values).execute();
    }
  }

  /** Runs {@code from} to {@code to}, each with a key and an object, and ended attempts. */
  private void add(int from, int to) {
    Map<String, Object> range =
        Map.of("from", from, "to", to, "held", Reasons.NAMESPACE_MISSING, "cluster", CLUSTER);
    execute(STATES, range);
    execute(LIMITED, range);
    String added = "name LIKE 'n%' AND CAST(SUBSTR(name, 2) AS SIGNED) >= :from";
    execute(
        """
        INSERT INTO client_mutex (admit_key, next_admit_at)
        SELECT admit_key, IF(state = 'READY', admit_at, NULL) FROM run WHERE
        """
            + added,
        range);
    execute(
        """
        INSERT INTO run_object
          (run_id, cluster_identity, uid, applied_generation, created_at, by_operator)
        SELECT run_id, :cluster, run_id, 1, accepted_at, FALSE FROM run WHERE
        """
            + added,
        range);
    execute(
        """
        INSERT INTO attempt (run_id, number, kind, admit_key, fence, cluster_identity, state, token,
          job_name, claimed_at)
        SELECT run_id, 1, 'RUN', admit_key, 1, :cluster, 'ENDED', run_id, name, accepted_at FROM run
        WHERE state = 'SUCCEEDED' AND
        """
            + added,
        range);
    for (String table : List.of("run", "client_mutex", "attempt", "run_object")) {
      sql().handle().createQuery("ANALYZE TABLE " + table).mapToMap().list();
    }
  }

  /** Of the runs that are held otherwise. */
  private void claimSome(int from, int to, String cluster) {
    Map<String, Object> values = Map.of("from", from, "to", to, "cluster", cluster);
    String chosen =
        " WHERE name LIKE 'n%1' AND CAST(SUBSTR(name, 2) AS SIGNED) BETWEEN :from AND :to - 1";
    execute(
        """
        INSERT INTO attempt (run_id, number, kind, admit_key, fence, cluster_identity, state, token,
          job_name, claimed_at)
        SELECT run_id, 1, 'RUN', admit_key, 1, :cluster, 'CLAIMED', run_id, name, accepted_at FROM run
        """
            + chosen,
        values);
    execute(
        "UPDATE client_mutex m JOIN run r ON r.admit_key = m.admit_key SET m.holder_run = r.run_id"
            + chosen.replace("name", "r.name"),
        values);
    execute("UPDATE run SET state = 'ACTIVE', reason = '', claims = 1" + chosen, values);
  }

  /**
   * A query and its values.
   *
   * @param cursor the column whose last value is {@code after} of the next page; empty if only one
   *     page is read
   */
  record Case(String query, Map<String, Object> values, Optional<String> cursor) {

    static Case of(String query, Map<String, Object> values) {
      return new Case(query, values, Optional.empty());
    }
  }

  private Map<String, Case> cases() {
    List<String> ids =
        sql()
            .handle()
            .createQuery("SELECT run_id FROM attempt WHERE state = 'ENDED' LIMIT 50")
            .mapTo(String.class)
            .list();
    Map<String, Case> cases = new LinkedHashMap<>();
    cases.put(
        "recordedObjects",
        new Case(
            Queries.RECORDED_OBJECTS.replace("r.namespace,", "r.run_id, r.namespace,"),
            Map.of("cluster", CLUSTER),
            Optional.of("run_id")));
    cases.put(
        "heldFor",
        new Case(
            Queries.HELD_FOR.replace("SELECT ", "SELECT r.run_id, "),
            Map.of("reason", Reasons.NAMESPACE_MISSING),
            Optional.of("run_id")));
    cases.put(
        "attemptsElsewhere",
        new Case(
            Queries.ATTEMPTS_ELSEWHERE.replace("r.namespace,", "a.live_key, r.namespace,"),
            Map.of("cluster", CLUSTER),
            Optional.of("live_key")));
    cases.put("auditHeads", new Case(Maintenance.HEADS, Map.of(), Optional.of("admit_key")));
    Map<String, Object> limited = Map.of("schedule", LIMITED_SCHEDULE.id());
    cases.put("limited", Case.of(LimitTransactions.LIMITED_SCHEDULES, Map.of("after", "")));
    cases.put("useOfALimit", Case.of(LimitTransactions.LIMITED_SCHEDULE, limited));
    cases.put("released", Case.of(LimitTransactions.FIRST_WAITING, limited));
    cases.put("heldBeyondALimit", Case.of(LimitTransactions.LAST_READY, limited));
    cases.put("liveAttempts", Case.of(Queries.LIVE_ATTEMPTS, Map.of("cluster", CLUSTER)));
    cases.put("holders", Case.of(Queries.HOLDERS, Map.of()));
    cases.put("nextDue", Case.of(Queries.NEXT_DUE, Map.of()));
    cases.put(
        "openHeads",
        Case.of(
            Queries.OPEN_HEADS,
            Map.of("openAt", "1970-01-01", "key", "", "cluster", CLUSTER, "except", List.of(""))));
    cases.put("load", Case.of(Queries.LOAD, Map.of("ids", ids, "cluster", CLUSTER, "shown", 10)));
    cases.put("attemptsByToken", Case.of(Queries.ATTEMPTS_BY_TOKEN, Map.of("tokens", ids)));
    cases.put("due", Case.of(Maintenance.DUE, Map.of()));
    cases.put("expire", Case.of(Maintenance.EXPIRED, Map.of()));
    cases.put("purge", Case.of(Maintenance.PURGEABLE, Map.of("before", "2021-01-01")));
    cases.put("deleted", Case.of(ScheduleDeletion.QUEUED_RUNS, Map.of("schedule", "nightly")));
    cases.put(
        "endedRuns",
        Case.of(
            Schedules.ENDED_RUNS_OF_TICKS,
            Map.of("ids", ids, "schedule", "nightly", "client", "c0")));
    cases.put("freeStaleHolders", Case.of(Maintenance.STALE_HOLDERS, Map.of()));
    cases.put(
        "claimsOfSilentClusters",
        Case.of(Maintenance.CLAIMS_OF_SILENT_CLUSTERS, Map.of("silence", 3_600_000_000L)));
    cases.put(
        "attemptsOfRetiredClusters", Case.of(Maintenance.ATTEMPTS_OF_RETIRED_CLUSTERS, Map.of()));
    return cases;
  }

  /** Rows returned and rows read. */
  record Cost(int returned, long read) {}

  private Cost cost(Case c) {
    long before = rowsRead();
    int returned = 0;
    String after = "";
    List<Map<String, Object>> page;
    do {
      try (Query query = sql().handle().createQuery(SqlStates.expand(c.query()))) {
        c.values()
            .forEach(
                (name, value) -> {
                  if (value instanceof List<?> list) {
                    query.bindList(name, list);
                  } else {
                    query.bind(name, value);
                  }
                });
        if (c.query().contains(":after") && !c.values().containsKey("after")) {
          query.bind("after", after);
        }
        if (c.query().contains(":limit")) {
          query.bind("limit", LIMIT);
        }
        page = query.mapToMap().list();
      }
      returned += page.size();
      if (c.cursor().isPresent() && !page.isEmpty()) {
        after = String.valueOf(page.getLast().get(c.cursor().get()));
      }
    } while (c.cursor().isPresent() && page.size() == LIMIT);
    return new Cost(returned, rowsRead() - before);
  }

  /** Rows that this session has read, in any way. */
  private long rowsRead() {
    return sql()
        .handle()
        .createQuery("SHOW SESSION STATUS LIKE 'Handler_read%'")
        .map((rs, ctx) -> rs.getLong("Value"))
        .list()
        .stream()
        .mapToLong(n -> n)
        .sum();
  }

  /** Dates {@code from} to {@code to} of three clients, in this order of insertion. */
  private void addDates(int from, int to) {
    execute(
        """
        INSERT INTO run (run_id, namespace, name, client, business_date, schedule, schedule_id,
          mutex_key, admit_key, next_kind, state, reason, message, cancel, desired, priority, claims, counted,
          infra, uncounted, max_attempts, max_infra, accepted_at, admit_at, finished_at, request_sha,
          hash_version)
        SELECT LEFT(SHA2(CONCAT(client, n), 256), 32), 'team-a', CONCAT(client, '-', n), client,
          DATE_FORMAT('2000-01-01' + INTERVAL n DAY, '%Y-%m-%d'), 'nightly', 'x', 'k', 'k', 'RUN', 'FAILED',
          'TaskFailed', '', FALSE, 'Running', 'Normal', 1, 1, 0, 0, 1, 1, UTC_TIMESTAMP(6),
          UTC_TIMESTAMP(6), UTC_TIMESTAMP(6), 'x', 1
        FROM (WITH digits AS (SELECT 0 AS d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3
            UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7
            UNION ALL SELECT 8 UNION ALL SELECT 9)
          SELECT a.d + 10 * b.d + 100 * c.d + 1000 * e.d AS n
          FROM digits a CROSS JOIN digits b CROSS JOIN digits c CROSS JOIN digits e) AS numbers
        CROSS JOIN (SELECT 'acme' AS client UNION ALL SELECT 'globex' UNION ALL SELECT 'initech')
          AS clients
        WHERE n >= :from AND n < :to
        """,
        Map.of("from", from, "to", to));
    sql().handle().createQuery("ANALYZE TABLE run").mapToMap().list();
  }

  /** The health of a client with years of dates costs no more than that of a new one. */
  @Test
  default void theNewestRunsCostTheSameHoweverManyOlderOnesThereAre() {
    Map<String, Object> values = new LinkedHashMap<>();
    List<String> clients = List.of("acme", "initech", "globex");
    for (int i = 0; i < clients.size(); i++) {
      values.put("namespace" + i, "team-a");
      values.put("schedule" + i, "nightly");
      values.put("client" + i, clients.get(i));
    }
    Case newest = Case.of(NewestRuns.text(clients.size()), values);
    try {
      addDates(0, 2 * LIMIT);
      Cost less = cost(newest);
      addDates(2 * LIMIT, 7_000);
      Cost more = cost(newest);
      assertThat(more.returned()).isEqualTo(less.returned()).isEqualTo(3 * LIMIT);
      // each row once in the index, and once more in the temporary table of the UNION
      assertThat(more.read()).isLessThan(3L * more.returned()).isLessThan(less.read() + 50);
    } finally {
      sql().handle().execute("TRUNCATE TABLE run");
    }
  }

  @Test
  default void theCostOfAQueryGrowsWithWhatItReturnsOnly() {
    accepted(RunBuilder.named("r"));
    ledger().clusters().register(ONE, true);
    ledger().clusters().register(TWO, true);
    ledger().schedules().limit(LIMITED_SCHEDULE, Optional.of(3 * LIVE));
    try {
      add(0, FEW);
      claimSome(0, 10 * LIVE, CLUSTER);
      claimSome(10 * LIVE, 20 * LIVE, OTHER_CLUSTER);
      Map<String, Cost> few = new LinkedHashMap<>();
      cases().forEach((name, c) -> few.put(name, cost(c)));
      add(FEW, MANY);
      cases()
          .forEach(
              (name, c) -> {
                Cost less = few.get(name);
                Cost more = cost(c);
                double growth = (more.returned() + 1.0) / (less.returned() + 1);
                assertThat(more.read())
                    .as("%s: %s with %d runs, %s with %d", name, less, FEW, more, MANY)
                    .isLessThan(12L * (more.returned() + 2 * LIVE))
                    .isLessThan((long) (1.2 * growth * less.read()) + 50);
              });
      // the only one that has to look at each of them; it reads an index once in each sweep
      assertThat(cost(Case.of(Queries.COUNT_BY_STATE, Map.of())).read())
          .isLessThan((long) (1.1 * MANY));
      assertThat(few.get("recordedObjects").returned()).isGreaterThan(FEW * 8 / 10);
      assertThat(few.get("attemptsElsewhere").returned()).isEqualTo(LIVE);
      assertThat(few.get("limited").returned()).isEqualTo(1);
      for (String one :
          List.of(
              "due", "expire", "purge", "openHeads", "released", "heldBeyondALimit", "deleted")) {
        assertThat(few.get(one).returned()).as(one).isEqualTo(LIMIT);
      }
    } finally {
      for (String table : List.of("run", "client_mutex", "attempt", "run_object")) {
        sql().handle().execute("TRUNCATE TABLE " + table); // faster than a DELETE
      }
    }
  }
}
