/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import static io.luigioperator.ledger.SqlStates.expand;

import io.luigioperator.ledger.Locks.LockedRun;
import io.luigioperator.ledger.Locks.Mutex;
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
import java.util.function.BiConsumer;
import java.util.function.BiFunction;
import java.util.function.BiPredicate;
import org.jdbi.v3.core.Handle;

/**
 * The sweeps' transactions over many rows. Candidates are found by a plain read and judged again
 * under lock; a batch locks all of its keys first, in their order, so that two batches cannot wait
 * for each other.
 */
final class Maintenance implements LedgerMaintenance {

  private static final int BATCH = 50;

  static final String DUE =
      expand(
          """
      SELECT run_id, admit_key FROM run
      WHERE state = {DELAYED} AND not_before <= UTC_TIMESTAMP(6)
      ORDER BY not_before LIMIT :limit
      """);

  static final String EXPIRED =
      expand(
          """
      SELECT run_id, admit_key FROM run
      WHERE state IN ({WAITING}) AND start_deadline <= UTC_TIMESTAMP(6)
        AND started_at IS NULL
      ORDER BY start_deadline LIMIT :limit
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

  private record Candidate(String runId, AdmitKey key) {}

  private static final Comparator<Candidate> ORDER =
      Comparator.comparing(Candidate::key).thenComparing(Candidate::runId);

  private final Transactions transactions;
  private final Invariants invariants;

  Maintenance(Transactions transactions, Invariants invariants) {
    this.transactions = transactions;
    this.invariants = invariants;
  }

  @Override
  public List<Run> due(int limit) {
    return updateAll("due", DUE, limit, WaitingTransitions::due);
  }

  @Override
  public List<Run> expire(int limit) {
    return updateAll("expire", EXPIRED, limit, WaitingTransitions::expire);
  }

  private List<Run> updateAll(
      String what,
      String candidates,
      int limit,
      BiFunction<Run, Instant, Optional<Run>> transition) {
    List<Candidate> found =
        transactions.read(
            "what is " + what,
            h ->
                h.createQuery(candidates)
                    .bind("limit", limit)
                    .map(
                        (rs, ctx) ->
                            new Candidate(
                                rs.getString("run_id"), new AdmitKey(rs.getString("admit_key"))))
                    .list());
    List<Run> moved = new ArrayList<>();
    for (List<Candidate> batch : batches(found.stream().sorted(ORDER).toList())) {
      moved.addAll(transactions.write(what, h -> updateBatch(h, batch, transition)));
    }
    return moved;
  }

  private static Outcome<List<Run>> updateBatch(
      Handle h, List<Candidate> batch, BiFunction<Run, Instant, Optional<Run>> transition) {
    Locks.barrier(h);
    batch.stream().map(Candidate::key).distinct().forEach(key -> Locks.mutex(h, key));
    List<Run> moved = new ArrayList<>();
    for (Candidate c : batch) {
      Locks.run(h, c.runId())
          .filter(l -> l.run().admitKey().equals(c.key())) // else: not locked, later
          .flatMap(l -> transition.apply(l.run(), l.now()))
          .ifPresent(moved::add);
    }
    moved.forEach(run -> RunTransactions.store(h, run));
    return moved.isEmpty()
        ? Outcome.unchanged(List.of())
        : Outcome.changed(
            List.copyOf(moved),
            fresh -> moved.stream().anyMatch(r -> RunTransactions.wrote(r).sees(fresh)));
  }

  @Override
  public int purge(Instant finishedBefore, int limit) {
    List<String> found =
        transactions.read(
            "what can be purged",
            h ->
                h.createQuery(PURGEABLE)
                    .bind("before", finishedBefore)
                    .bind("limit", limit)
                    .mapTo(String.class)
                    .list());
    int purged = 0;
    for (List<String> batch : batches(found.stream().sorted().toList())) {
      purged += transactions.write("purge", h -> purgeBatch(h, batch));
    }
    return purged;
  }

  /** Terminal runs never change, so their own rows are all that needs a lock. */
  private static Outcome<Integer> purgeBatch(Handle h, List<String> batch) {
    Locks.barrier(h);
    List<String> purged = new ArrayList<>();
    for (String id : batch) {
      Optional<LockedRun> locked = Locks.run(h, id);
      if (locked.filter(Maintenance::hasRequest).isPresent()) {
        h.createUpdate("DELETE FROM attempt WHERE run_id = :id").bind("id", id).execute();
        h.createUpdate("UPDATE run SET request = NULL WHERE run_id = :id").bind("id", id).execute();
        purged.add(id);
      }
    }
    return purged.isEmpty()
        ? Outcome.unchanged(0)
        : Outcome.changed(
            purged.size(),
            fresh -> Locks.run(fresh, purged.getFirst()).filter(Maintenance::hasRequest).isEmpty());
  }

  private static boolean hasRequest(LockedRun l) {
    return !l.run().origin().request().isEmpty();
  }

  @Override
  public List<AdmitKey> freeStaleHolders(int limit) {
    return repairAll(
        "stale holder",
        transactions.read(
            "which holders are stale",
            h ->
                h.createQuery(STALE_HOLDERS)
                    .bind("limit", limit)
                    .map((rs, ctx) -> new AdmitKey(rs.getString(1)))
                    .list()),
        Maintenance::isStale,
        (h, key) -> {
          h.createUpdate("UPDATE client_mutex SET holder_run = NULL WHERE admit_key = :key")
              .bind("key", key.value())
              .execute();
          RunTransactions.refresh(h, key);
        });
  }

  /** Neither holder nor attempt is as it should be, too. */
  private static boolean isStale(Handle h, Mutex mutex) {
    return !h.createQuery("SELECT run_id FROM attempt WHERE live_key = :key")
        .bind("key", mutex.key().value())
        .mapTo(String.class)
        .findOne()
        .equals(mutex.holder());
  }

  @Override
  public Audit auditHeads(Optional<AdmitKey> after, int limit) {
    Map<AdmitKey, Boolean> page =
        transactions.read(
            "which heads are wrong",
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
    return new Audit(
        repairAll("wrong next_admit_at", wrong, Maintenance::isWrong, RunTransactions::refresh),
        last);
  }

  private static boolean isWrong(Handle h, Mutex mutex) {
    return h.createQuery(
            expand(
                """
            SELECT NOT m.next_admit_at <=> (SELECT MIN(admit_at) FROM run
              WHERE admit_key = :key AND state = {READY})
            FROM client_mutex m WHERE m.admit_key = :key
            """))
        .bind("key", mutex.key().value())
        .mapTo(Boolean.class)
        .one();
  }

  /** What is told as repaired is an alarm, which a broken commit must not swallow. */
  private List<AdmitKey> repairAll(
      String defect,
      List<AdmitKey> candidates,
      BiPredicate<Handle, Mutex> isDefect,
      BiConsumer<Handle, AdmitKey> repair) {
    List<AdmitKey> repaired = new ArrayList<>();
    for (AdmitKey key : candidates) {
      boolean done =
          transactions.write(
              "mending key " + key,
              h -> {
                Locks.barrier(h);
                if (Locks.mutex(h, key).filter(m -> isDefect.test(h, m)).isEmpty()) {
                  return Outcome.unchanged(false);
                }
                repair.accept(h, key);
                return Outcome.changed(
                    true,
                    fresh ->
                        Locks.mutex(fresh, key).filter(m -> isDefect.test(fresh, m)).isEmpty());
              });
      if (done) {
        invariants.broken("I4", key, defect + ", repaired");
        repaired.add(key);
      }
    }
    return repaired;
  }

  static final String ABANDONED_CLAIMS =
      Queries.ATTEMPTS
          + expand(
              """
          LEFT JOIN cluster c ON c.cluster_id = a.cluster_id
          WHERE a.live_key IS NOT NULL AND a.state = {CLAIMED}
            AND COALESCE(c.seen_at, a.claimed_at)
              <= UTC_TIMESTAMP(6) - INTERVAL :silence MICROSECOND
          ORDER BY a.claimed_at, a.token LIMIT :limit
          """);

  /** A cluster that has never said a word is silent since its claim. */
  @Override
  public List<Attempt> claimsOfSilentClusters(Duration silence, int limit) {
    return transactions.read(
        "which claims are abandoned",
        h ->
            h.createQuery(ABANDONED_CLAIMS)
                .bind("silence", silence.toNanos() / 1000)
                .bind("limit", limit)
                .map((rs, ctx) -> Rows.attempt(rs))
                .list());
  }

  private static <T> List<List<T>> batches(List<T> all) {
    List<List<T>> parts = new ArrayList<>();
    for (int from = 0; from < all.size(); from += BATCH) {
      parts.add(all.subList(from, Math.min(from + BATCH, all.size())));
    }
    return parts;
  }
}
