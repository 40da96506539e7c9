/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import static io.luigioperator.ledger.SqlStates.expand;

import io.luigioperator.ledger.Transactions.Opening;
import io.luigioperator.ledger.Transactions.Outcome;
import io.luigioperator.run.AdmitKey;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.Run;
import io.luigioperator.run.WaitingTransitions;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.BiFunction;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jdbi.v3.core.Handle;

/**
 * Transactions over many rows. Candidates are found by a plain read and checked again under lock; a
 * batch locks all of its keys first, in ascending order, so that two batches cannot deadlock.
 */
final class Maintenance implements LedgerMaintenance {

  private static final int BATCH = 50;

  static final String DUE =
      expand(
          """
          SELECT run_id, admit_key, schedule_id FROM run
          WHERE state = {DELAYED} AND not_before <= UTC_TIMESTAMP(6)
          ORDER BY not_before LIMIT :limit
          """);

  static final String EXPIRED =
      expand(
          """
          SELECT run_id, admit_key, schedule_id FROM run
          WHERE expires_at <= UTC_TIMESTAMP(6) AND state IN ({WAITING})
          ORDER BY expires_at LIMIT :limit
          """);

  static final String PURGEABLE =
      """
      SELECT run_id FROM run WHERE purgeable_at < :before
      ORDER BY purgeable_at LIMIT :limit
      """;

  static final String STALE_HOLDERS =
      """
      SELECT m.admit_key FROM client_mutex m
      LEFT JOIN attempt a ON a.live_key = m.admit_key AND a.run_id = m.holder_run
      WHERE m.holder_run IS NOT NULL AND a.run_id IS NULL
      ORDER BY m.admit_key LIMIT :limit
      """;

  static final String HEADS =
      expand(
          """
          SELECT m.admit_key, NOT m.next_admit_at <=>
            (SELECT MIN(r.admit_at) FROM run r
             WHERE r.admit_key = m.admit_key AND r.state = {READY}) AS wrong
          FROM client_mutex m WHERE m.admit_key > :after
          ORDER BY m.admit_key LIMIT :limit
          """);

  private record Candidate(String runId, AdmitKey key, String schedule) {}

  private static final Comparator<Candidate> ORDER =
      Comparator.comparing(Candidate::key).thenComparing(Candidate::runId);

  /**
   * All schedules before all keys before all runs, each in ascending order, so that two batches
   * cannot deadlock.
   */
  private static final Opening CHANGE =
      Opening.of(LockedLimits.LOCK, Locks.MUTEXES, Locks.RUNS, Locks.TIME);

  /** The state of a final run never changes, so only the rows of the runs need a lock. */
  private static final Opening PURGE =
      Opening.of(
          """
          SELECT run_id FROM run FORCE INDEX (PRIMARY)
          WHERE run_id IN (<ids>) AND request IS NOT NULL ORDER BY run_id FOR UPDATE
          """);

  private static final Statements HAS_REQUEST =
      Statements.of(
          "SELECT 1 FROM run WHERE run_id = :id AND request IS NOT NULL LOCK IN SHARE MODE");

  /** Returns a row if the holder has no live attempt, or a live attempt is not the holder. */
  private static final String IS_STALE =
      """
      SELECT 1 FROM client_mutex m WHERE m.admit_key = :key
        AND NOT m.holder_run <=> (SELECT a.run_id FROM attempt a WHERE a.live_key = :key)
      """;

  private static final String IS_WRONG =
      """
      SELECT 1 FROM client_mutex m WHERE m.admit_key = :key AND NOT m.next_admit_at <=>
        (SELECT MIN(r.admit_at) FROM run r WHERE r.admit_key = :key AND r.state = {READY})
      """;

  /**
   * A state of a key that violates an invariant, how to find it, and its repair.
   *
   * @param invariant name for {@link Invariants#broken}
   */
  private record Defect(
      String invariant, String name, Opening opening, Statements check, Statements repair) {

    static Defect of(String invariant, String name, String check, String repair) {
      return new Defect(
          invariant,
          name,
          Opening.of(Locks.MUTEX, check),
          Statements.of(Locks.MUTEX, check),
          Statements.of(repair));
    }
  }

  private static final Defect STALE_HOLDER =
      Defect.of("I4", "stale holder", IS_STALE, RunTransactions.FREE_KEY);

  private static final Defect WRONG_HEAD =
      Defect.of("next_admit_at", "wrong next_admit_at", IS_WRONG, RunTransactions.REFRESH_KEY);

  private final Transactions transactions;
  private final Invariants invariants;
  private final RowFilter filter;
  private final TickAudits tickAudits;

  Maintenance(Transactions transactions, Invariants invariants, RowFilter filter) {
    this.transactions = transactions;
    this.invariants = invariants;
    this.filter = filter;
    this.tickAudits = new TickAudits(transactions, invariants);
  }

  // ---- runs that are due or expired

  @Override
  public List<Run> due(int limit) {
    return changeAll("due", DUE, limit, WaitingTransitions::due);
  }

  @Override
  public List<Run> expire(int limit) {
    return changeAll("expire", EXPIRED, limit, WaitingTransitions::expire);
  }

  private List<Run> changeAll(
      String what,
      String candidates,
      int limit,
      BiFunction<Run, Instant, Optional<Run>> transition) {
    List<Candidate> found =
        transactions.read(
            "search for " + what,
            h ->
                h.createQuery(candidates)
                    .bind("limit", limit)
                    .map(
                        (rs, ctx) ->
                            new Candidate(
                                rs.getString("run_id"),
                                new AdmitKey(rs.getString("admit_key")),
                                rs.getString("schedule_id")))
                    .list());
    List<Run> changed = new ArrayList<>();
    for (List<Candidate> batch : batches(found.stream().sorted(ORDER).toList())) {
      Set<AdmitKey> keys =
          batch.stream().map(Candidate::key).collect(Collectors.toCollection(TreeSet::new));
      changed.addAll(
          transactions.write(
              what,
              CHANGE,
              q ->
                  q.bindList("schedules", batch.stream().map(Candidate::schedule).toList())
                      .bindList("keys", keys.stream().map(AdmitKey::value).toList())
                      .bindList("ids", batch.stream().map(Candidate::runId).toList()),
              (h, locked) -> change(h, locked, keys, transition)));
    }
    return changed;
  }

  private Outcome<List<Run>> change(
      Handle h,
      Results locked,
      Set<AdmitKey> keys,
      BiFunction<Run, Instant, Optional<Run>> transition) {
    LockedLimits limits = LockedLimits.of(locked);
    locked.all(Locks::mutex);
    List<Run> runs = locked.all(filter, Rows::run);
    Instant now = locked.first(Locks::time).orElseThrow();
    List<Run> changed =
        runs.stream()
            .filter(
                run -> keys.contains(run.admitKey())) // else its key has changed, and is not locked
            .flatMap(
                run -> transition.apply(run, now).map(next -> limits.changed(run, next)).stream())
            .toList();
    if (changed.isEmpty()) {
      return Outcome.unchanged(List.of());
    }
    RunTransactions.storeAll(h, changed);
    return Outcome.changed(changed, RunTransactions.wroteAny(changed));
  }

  // ---- history

  @Override
  public int purge(Instant finishedBefore, int limit) {
    List<String> found =
        transactions.read(
            "search for purge",
            h ->
                h.createQuery(PURGEABLE)
                    .bind("before", finishedBefore)
                    .bind("limit", limit)
                    .mapTo(String.class)
                    .list());
    int purged = 0;
    for (List<String> batch : batches(found.stream().sorted().toList())) {
      purged +=
          transactions.write(
              "purge", PURGE, q -> q.bindList("ids", batch), Maintenance::purgeBatch);
    }
    return purged;
  }

  private static Outcome<Integer> purgeBatch(Handle h, Results locked) {
    List<String> ids = locked.all(row -> row.getString("run_id"));
    if (ids.isEmpty()) {
      return Outcome.unchanged(0);
    }
    Statements.of(
            IntStream.range(0, ids.size())
                .boxed()
                .flatMap(
                    i ->
                        Stream.of(
                            "DELETE FROM attempt WHERE run_id = :id" + i,
                            "UPDATE run SET request = NULL WHERE run_id = :id" + i))
                .toArray(String[]::new))
        .run(
            h,
            q -> {
              for (int i = 0; i < ids.size(); i++) {
                q.bind("id" + i, ids.get(i));
              }
            });
    return Outcome.changed(
        ids.size(),
        fresh ->
            HAS_REQUEST
                .run(fresh, q -> q.bind("id", ids.getFirst()), found -> found.first(row -> true))
                .isEmpty());
  }

  // ---- repairs

  @Override
  public List<AdmitKey> freeStaleHolders(int limit) {
    return repairAll(
        STALE_HOLDER,
        transactions.read(
            "search for stale holders",
            h ->
                h.createQuery(STALE_HOLDERS)
                    .bind("limit", limit)
                    .map((rs, ctx) -> new AdmitKey(rs.getString(1)))
                    .list()));
  }

  @Override
  public Audit auditHeads(Optional<AdmitKey> after, int limit) {
    Map<AdmitKey, Boolean> page =
        transactions.read(
            "audit of heads",
            h ->
                h.createQuery(HEADS)
                    .bind("after", after.map(AdmitKey::value).orElse(""))
                    .bind("limit", limit)
                    .reduceResultSet(
                        new LinkedHashMap<>(),
                        (keys, rs, ctx) -> {
                          keys.put(new AdmitKey(rs.getString("admit_key")), rs.getBoolean("wrong"));
                          return keys;
                        }));
    List<AdmitKey> wrong = page.keySet().stream().filter(page::get).toList();
    Optional<AdmitKey> last =
        page.size() < limit ? Optional.empty() : page.keySet().stream().reduce((a, b) -> b);
    return new Audit(repairAll(WRONG_HEAD, wrong), last);
  }

  @Override
  public TickAudit auditTicks(Optional<TickCursor> after, int limit) {
    return tickAudits.audit(after, limit);
  }

  /**
   * A repair is reported as a broken invariant, also if the answer to its commit was lost: only a
   * repair whose outcome is known returns here.
   */
  private List<AdmitKey> repairAll(Defect defect, List<AdmitKey> candidates) {
    List<AdmitKey> repaired = new ArrayList<>();
    for (AdmitKey key : candidates) {
      boolean done =
          transactions.write(
              "repair of key " + key,
              defect.opening(),
              q -> q.bind("key", key.value()),
              (h, found) -> repair(h, found, defect, key));
      if (done) {
        invariants.broken(defect.invariant(), key, defect.name() + ", repaired");
        repaired.add(key);
      }
    }
    return repaired;
  }

  private static Outcome<Boolean> repair(Handle h, Results found, Defect defect, AdmitKey key) {
    if (!isThere(found)) {
      return Outcome.unchanged(false);
    }
    defect.repair().run(h, q -> q.bind("key", key.value()));
    return Outcome.changed(
        true,
        fresh -> !defect.check().run(fresh, q -> q.bind("key", key.value()), Maintenance::isThere));
  }

  /** Of a locked key and the check of a defect. */
  private static boolean isThere(Results found) {
    found.first(Locks::mutex);
    return found.first(row -> true).isPresent();
  }

  // ---- claims of other clusters

  static final String CLAIMS_OF_SILENT_CLUSTERS =
      Queries.ATTEMPTS
          + expand(
              """
              LEFT JOIN cluster c ON c.cluster_identity = a.cluster_identity
              WHERE a.live_key IS NOT NULL AND a.state = {CLAIMED}
                AND COALESCE(c.seen_at, a.claimed_at)
                  <= UTC_TIMESTAMP(6) - INTERVAL :silence MICROSECOND
              ORDER BY a.claimed_at, a.token LIMIT :limit
              """);

  /** For a cluster without a row, the time of the claim counts as its last heartbeat. */
  @Override
  public List<Attempt> claimsOfSilentClusters(Duration silence, int limit) {
    return transactions.read(
        "read of claims of silent clusters",
        h ->
            h.createQuery(CLAIMS_OF_SILENT_CLUSTERS)
                .bind("silence", silence.toNanos() / 1000)
                .bind("limit", limit)
                .scanResultSet((found, ctx) -> filter.all(found.get(), Rows::attempt)));
  }

  static final String ATTEMPTS_OF_RETIRED_CLUSTERS =
      Queries.ATTEMPTS
          + """
          JOIN cluster c ON c.cluster_identity = a.cluster_identity
          WHERE a.live_key IS NOT NULL AND c.retired_at IS NOT NULL
          ORDER BY a.claimed_at, a.token LIMIT :limit
          """;

  @Override
  public List<Attempt> attemptsOfRetiredClusters(int limit) {
    return transactions.read(
        "read of attempts of retired clusters",
        h ->
            h.createQuery(ATTEMPTS_OF_RETIRED_CLUSTERS)
                .bind("limit", limit)
                .scanResultSet((found, ctx) -> filter.all(found.get(), Rows::attempt)));
  }

  private static <T> List<List<T>> batches(List<T> all) {
    List<List<T>> parts = new ArrayList<>();
    for (int from = 0; from < all.size(); from += BATCH) {
      parts.add(all.subList(from, Math.min(from + BATCH, all.size())));
    }
    return parts;
  }
}
