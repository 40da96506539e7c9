/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import static io.luigioperator.ledger.SqlStates.expand;

import io.luigioperator.run.AdmitKey;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunState;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Gatherers;

/**
 * Reads without locks. Each is one statement, so that its rows were true at one moment; only a list
 * of tokens that is too long for one statement is split.
 */
final class Queries implements LedgerQueries {

  private static final int ATTEMPTS_SHOWN = 10;
  private static final int TOKENS_AT_ONCE = 500;

  private final Transactions transactions;
  private final RowFilter filter;

  Queries(Transactions transactions, RowFilter filter) {
    this.transactions = transactions;
    this.filter = filter;
  }

  @Override
  public Instant now() {
    return transactions.read(
        "read of the time",
        h -> h.createQuery("SELECT UTC_TIMESTAMP(6)").mapTo(Instant.class).one());
  }

  Optional<Run> run(RunKey key) {
    return transactions.read(
        "read of run " + key,
        h ->
            h.createQuery("SELECT " + Rows.RUN_COLUMNS + " FROM run r WHERE r.run_id = :id")
                .bind("id", key.id())
                .map((rs, ctx) -> Rows.run(rs))
                .findOne());
  }

  @Override
  public Loaded load(Collection<RunKey> keys, String cluster) {
    if (keys.isEmpty()) {
      return new Loaded(now(), Map.of(), Map.of());
    }
    return transactions.read(
        "read of " + (keys.size() == 1 ? "run " + keys.iterator().next() : keys.size() + " runs"),
        h ->
            h.createQuery(LOAD)
                .bindList("ids", keys.stream().map(RunKey::id).distinct().toList())
                .bind("cluster", cluster)
                .bind("shown", ATTEMPTS_SHOWN)
                .scanResultSet((rows, ctx) -> loaded(rows.get(), cluster)));
  }

  /** The rows of one run come together, its newest attempt first. */
  private Loaded loaded(ResultSet rs, String cluster) throws SQLException {
    Instant now = Instant.EPOCH;
    Map<RunKey, RunRecord> runs = new HashMap<>();
    Map<RunKey, String> unreadable = new HashMap<>();
    while (rs.next()) {
      now = Rows.time(rs, "db_now").orElseThrow();
      if (rs.getString("name") == null) {
        continue; // none of the runs has a row
      }
      RunKey key = key(rs);
      Optional<RunRecord> known = Optional.ofNullable(runs.get(key));
      filter
          .read(
              rs,
              row -> withAttempt(known.isPresent() ? known.get() : record(row, cluster), row),
              problem -> unreadable.put(key, problem))
          .ifPresent(record -> runs.put(key, record));
    }
    runs.keySet().removeAll(unreadable.keySet());
    return new Loaded(now, runs, unreadable);
  }

  /**
   * The one row of {@code one} returns the time even if no run is found. Only the first row of each
   * run has the request, which may be large.
   */
  static final String LOAD =
      "SELECT UTC_TIMESTAMP(6) AS db_now, "
          + Rows.SLIM_RUN_COLUMNS
          + ", IF(a.number IS NULL OR a.number = r.claims, r.request, NULL) AS request, "
          + Rows.ATTEMPT_COLUMNS
          + ", "
          + Rows.OBJECT_COLUMNS
          + """
          , w.namespace AS holder_namespace, w.name AS holder_name
          FROM (SELECT 1) AS one
          LEFT JOIN run r ON r.run_id IN (<ids>)
          LEFT JOIN attempt a ON a.run_id = r.run_id AND a.number > r.claims - :shown
          LEFT JOIN run_object o ON o.run_id = r.run_id AND o.cluster_identity = :cluster
          LEFT JOIN client_mutex m ON m.admit_key = r.admit_key
          LEFT JOIN run w ON w.run_id = m.holder_run
          ORDER BY r.run_id, a.number DESC
          """;

  private static RunRecord record(ResultSet rs, String cluster) throws SQLException {
    Optional<String> holder = Optional.ofNullable(rs.getString("holder_name"));
    String holderNamespace = rs.getString("holder_namespace");
    return new RunRecord(
        Rows.run(rs),
        List.of(),
        Rows.object(rs, cluster),
        holder.map(name -> new RunKey(holderNamespace, name)));
  }

  private static RunRecord withAttempt(RunRecord record, ResultSet rs) throws SQLException {
    rs.getInt("a_number");
    if (rs.wasNull()) {
      return record;
    }
    List<Attempt> attempts = new ArrayList<>(record.attempts());
    attempts.add(Rows.attempt(rs));
    return new RunRecord(record.run(), List.copyOf(attempts), record.object(), record.holder());
  }

  /**
   * One range scan over open_at: its cost depends only on how many heads of the excluded namespaces
   * come before the others. It does not read their runs, unless they have no mutex.
   */
  @Override
  public List<Head> openHeads(
      String cluster, Optional<Head> after, int limit, Set<String> exceptNamespaces) {
    return transactions.read(
        "read of open heads",
        h ->
            h.createQuery(OPEN_HEADS)
                .bind("openAt", after.map(Head::openAt).orElse(Instant.EPOCH))
                .bind("key", after.map(head -> head.key().value()).orElse(""))
                .bind("cluster", cluster)
                .bind("limit", limit)
                .bindList("except", exceptNamespaces.isEmpty() ? NO_NAMESPACE : exceptNamespaces)
                .map(
                    (rs, ctx) ->
                        new Head(
                            new AdmitKey(rs.getString("admit_key")),
                            key(rs),
                            Rows.time(rs, "open_at").orElseThrow(),
                            Optional.ofNullable(rs.getString("object_uid")),
                            rs.getInt("claims")))
                .list());
  }

  /** A list in SQL may not be empty. */
  private static final Set<String> NO_NAMESPACE = Set.of("");

  static final String OPEN_HEADS =
      expand(
          """
          SELECT STRAIGHT_JOIN m.admit_key, m.open_at, r.namespace, r.name, o.uid AS object_uid, r.claims
          FROM client_mutex m FORCE INDEX (client_mutex_open_at)
          JOIN run r ON r.run_id =
            (SELECT head.run_id FROM run head
             WHERE head.admit_key = m.admit_key AND head.state = {READY}
             ORDER BY head.admit_at, head.run_id LIMIT 1)
          LEFT JOIN run_object o ON o.run_id = r.run_id AND o.cluster_identity = :cluster
          WHERE m.open_at >= :openAt AND (m.open_at > :openAt OR m.admit_key > :key)
            AND SUBSTRING_INDEX(m.admit_key, '/', 1) NOT IN (<except>) AND r.namespace NOT IN (<except>)
          ORDER BY m.open_at, m.admit_key LIMIT :limit
          """);

  @Override
  public Map<AdmitKey, RunKey> holders(int limit) {
    return transactions.read(
        "read of holders",
        h ->
            h.createQuery(HOLDERS)
                .bind("limit", limit)
                .reduceResultSet(
                    new HashMap<>(),
                    (holders, rs, ctx) -> {
                      holders.put(new AdmitKey(rs.getString("admit_key")), key(rs));
                      return holders;
                    }));
  }

  static final String HOLDERS =
      """
      SELECT STRAIGHT_JOIN m.admit_key, r.namespace, r.name
      FROM client_mutex m FORCE INDEX (client_mutex_holder_run)
      JOIN run r ON r.run_id = m.holder_run
      WHERE m.holder_run IS NOT NULL LIMIT :limit
      """;

  @Override
  public Optional<Instant> nextDue() {
    return transactions.read(
        "read of the next due time",
        h -> h.createQuery(NEXT_DUE).map((rs, ctx) -> Rows.time(rs, "next_due")).one());
  }

  static final String NEXT_DUE =
      expand("SELECT MIN(not_before) AS next_due FROM run WHERE state = {DELAYED}");

  @Override
  public List<Attempt> liveAttempts(String cluster) {
    return transactions.read(
        "read of live attempts",
        h ->
            h.createQuery(LIVE_ATTEMPTS)
                .bind("cluster", cluster)
                .scanResultSet((found, ctx) -> filter.all(found.get(), Rows::attempt)));
  }

  static final String ATTEMPTS =
      "SELECT r.namespace, r.name, "
          + Rows.ATTEMPT_COLUMNS
          + " FROM attempt a JOIN run r ON r.run_id = a.run_id ";

  /** The live attempts of one cluster. */
  static final String LIVE_ATTEMPTS =
      ATTEMPTS
          + "WHERE a.live_key IS NOT NULL AND a.cluster_identity = :cluster ORDER BY a.claimed_at, a.token";

  /** In this order: the live attempts are few, the recorded objects are not. */
  static final String ATTEMPTS_ELSEWHERE =
      ATTEMPTS.replaceFirst("SELECT", "SELECT STRAIGHT_JOIN")
          + """
          JOIN run_object o ON o.run_id = a.run_id AND o.cluster_identity = :cluster
          WHERE a.live_key > :after AND a.cluster_identity <> :cluster
          ORDER BY a.live_key LIMIT :limit
          """;

  @Override
  public List<Attempt> attemptsElsewhere(String cluster, Optional<AdmitKey> after, int limit) {
    return transactions.read(
        "read of attempts of other clusters",
        h ->
            h.createQuery(ATTEMPTS_ELSEWHERE)
                .bind("cluster", cluster)
                .bind("after", after.map(AdmitKey::value).orElse(""))
                .bind("limit", limit)
                .scanResultSet((found, ctx) -> filter.all(found.get(), Rows::attempt)));
  }

  static final String ATTEMPTS_BY_TOKEN = ATTEMPTS + "WHERE a.token IN (<tokens>)";

  @Override
  public TokenLookup attemptsByToken(Collection<String> tokens) {
    return transactions.read(
        "read of attempts by token",
        h -> {
          Map<String, Attempt> attempts = new HashMap<>();
          Set<String> unreadable = new HashSet<>();
          tokens.stream()
              .distinct()
              .gather(Gatherers.windowFixed(TOKENS_AT_ONCE))
              .forEach(
                  some ->
                      h.createQuery(ATTEMPTS_BY_TOKEN)
                          .bindList("tokens", some)
                          .map((rs, ctx) -> byToken(rs, unreadable))
                          .forEach(found -> found.ifPresent(a -> attempts.put(a.token(), a))));
          return new TokenLookup(attempts, unreadable);
        });
  }

  private Optional<Attempt> byToken(ResultSet rs, Set<String> unreadable) throws SQLException {
    String token = rs.getString("a_token");
    return filter.read(rs, Rows::attempt, problem -> unreadable.add(token));
  }

  /**
   * Starts from the runs that have not ended, which are few: objects stay as long as their runs.
   * The order, by id, has no meaning; it only makes pages.
   */
  @Override
  public List<RecordedObject> recordedObjects(String cluster, Optional<RunKey> after, int limit) {
    return transactions.read(
        "read of recorded objects",
        h ->
            h.createQuery(RECORDED_OBJECTS)
                .bind("cluster", cluster)
                .bind("after", after.map(RunKey::id).orElse(""))
                .bind("limit", limit)
                .map(
                    (rs, ctx) ->
                        new RecordedObject(
                            key(rs),
                            rs.getString("reason"),
                            Rows.object(rs, cluster).orElseThrow()))
                .list());
  }

  static final String RECORDED_OBJECTS =
      "SELECT STRAIGHT_JOIN r.namespace, r.name, r.reason, "
          + Rows.OBJECT_COLUMNS
          + """
           FROM run r FORCE INDEX (run_open)
          JOIN run_object o ON o.run_id = r.run_id AND o.cluster_identity = :cluster
          WHERE r.open_id > :after
          ORDER BY r.open_id LIMIT :limit
          """;

  @Override
  public List<Run> heldFor(String reason, Optional<RunKey> after, int limit) {
    return transactions.read(
        "read of held runs",
        h ->
            h.createQuery(HELD_FOR)
                .bind("reason", reason)
                .bind("after", after.map(RunKey::id).orElse(""))
                .bind("limit", limit)
                .scanResultSet((found, ctx) -> filter.all(found.get(), Rows::run)));
  }

  static final String HELD_FOR =
      "SELECT "
          + Rows.RUN_COLUMNS
          + expand(
              """
               FROM run r FORCE INDEX (run_held)
              WHERE r.held_reason = :reason AND r.run_id > :after
              ORDER BY r.run_id LIMIT :limit
              """);

  @Override
  public Map<RunState, Long> countByState() {
    return transactions.read(
        "count of runs",
        h -> {
          Map<RunState, Long> counts = new EnumMap<>(RunState.class);
          for (RunState state : RunState.values()) {
            if (!state.isFinal()) {
              counts.put(state, 0L);
            }
          }
          h.createQuery(COUNT_BY_STATE)
              .map(
                  (rs, ctx) ->
                      Map.entry(RunState.valueOf(rs.getString("state")), rs.getLong("runs")))
              .forEach(e -> counts.put(e.getKey(), e.getValue()));
          return counts;
        });
  }

  static final String COUNT_BY_STATE =
      expand(
          """
          SELECT state, COUNT(*) AS runs FROM run
          WHERE state IN ({NOT_FINAL}) GROUP BY state
          """);

  private static RunKey key(ResultSet rs) throws SQLException {
    return new RunKey(rs.getString("namespace"), rs.getString("name"));
  }
}
