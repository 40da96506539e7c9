/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import io.luigioperator.ledger.Transactions.Outcome;
import io.luigioperator.run.Abandonment;
import io.luigioperator.run.AdmitKey;
import io.luigioperator.run.Ageing;
import io.luigioperator.run.AmendTransition;
import io.luigioperator.run.Amendment;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.AttemptRef;
import io.luigioperator.run.Ending;
import io.luigioperator.run.FailureCause;
import io.luigioperator.run.NewRun;
import io.luigioperator.run.ObjectRecord;
import io.luigioperator.run.Presence;
import io.luigioperator.run.RetryPolicy;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunState;
import io.luigioperator.run.WaitingTransitions;
import io.micrometer.core.instrument.MeterRegistry;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.random.RandomGenerator;
import org.jdbi.v3.core.Handle;

/**
 * The ledger in MySQL 9 or MariaDB 11.4: see {@link RunTransactions} for the shape of its
 * transactions.
 */
public final class MySqlLedger implements Ledger, AutoCloseable {

  private final Database database;
  private final Transactions transactions;
  private final Clusters clusters;
  private final RunTransactions runTransactions;
  private final Attempts attempts;
  private final BatchTransactions batches;
  private final Queries queries;
  private final Ageing ageing;

  private MySqlLedger(
      Database database,
      Ageing ageing,
      RandomGenerator random,
      Pause pause,
      MeterRegistry metrics) {
    this.database = database;
    this.ageing = ageing;
    Invariants invariants = new Invariants(metrics);
    this.transactions = new Transactions(database, random, pause, metrics);
    this.clusters = new Clusters(transactions);
    this.runTransactions = new RunTransactions(transactions, invariants);
    this.attempts = new Attempts(transactions, runTransactions, invariants);
    this.batches = new BatchTransactions(transactions, invariants);
    this.queries = new Queries(transactions);
  }

  /**
   * Connects and brings the tables up to date.
   *
   * @param random for the pauses between two rounds of a transaction
   * @throws LedgerUnavailable if MySQL does not answer, or not over TLS
   */
  public static MySqlLedger open(
      LedgerConfig config,
      Ageing ageing,
      RandomGenerator random,
      Pause pause,
      MeterRegistry metrics) {
    Database database = new Database(config);
    try {
      database.migrate();
    } catch (RuntimeException e) {
      database.close();
      throw e;
    }
    return new MySqlLedger(database, ageing, random, pause, metrics);
  }

  @Override
  public void close() {
    database.close();
  }

  // ---- time and clusters

  @Override
  public Instant now() {
    return queries.now();
  }

  @Override
  public String heartbeat(String clusterId, String identity) {
    return clusters.heartbeat(clusterId, identity);
  }

  @Override
  public boolean takeOver(String clusterId, String identity, Duration silence) {
    return clusters.takeOver(clusterId, identity, silence);
  }

  // ---- a run's way in

  @Override
  public Acceptance accept(NewRun run, ObjectRecord object) {
    NewRun rounded = withMicros(run);
    try {
      return transactions.write("accept of run " + run.key(), h -> accept(h, rounded, object));
    } catch (StatementRefused e) {
      // accepted a moment ago under another key: two keys' locks do not exclude each other
      Optional<Run> winner = e.isDuplicate() ? queries.run(run.key()) : Optional.empty();
      return winner.map(w -> compared(w, run)).orElseThrow(() -> e);
    }
  }

  private Outcome<Acceptance> accept(Handle h, NewRun run, ObjectRecord object) {
    Optional<Run> known = Queries.run(h, run.key());
    if (known.isPresent()) {
      return Outcome.unchanged(compared(known.get(), run));
    }
    Locks.barrier(h);
    h.createUpdate(
            """
            INSERT INTO client_mutex (admit_key) VALUES (:key)
            ON DUPLICATE KEY UPDATE admit_key = admit_key
            """)
        .bind("key", run.admitKey().value())
        .execute(); // leaves the row locked, new or not
    Optional<Run> meanwhile = Queries.run(h, run.key());
    if (meanwhile.isPresent()) {
      return Outcome.unchanged(compared(meanwhile.get(), run));
    }
    Run accepted = WaitingTransitions.accept(run, ageing, Queries.now(h));
    Rows.insert(h, accepted);
    record(h, run.key(), object);
    RunTransactions.settleKey(h, accepted);
    return Outcome.changed(new Acceptance.Accepted(accepted), RunTransactions.wrote(accepted));
  }

  private static Acceptance compared(Run known, NewRun asked) {
    return known.origin().requestSha().equals(asked.requestSha())
        ? new Acceptance.Same(known)
        : new Acceptance.NameTaken(known);
  }

  @Override
  public void recordObject(RunKey run, ObjectRecord object) {
    runTransactions.update(
        "object record",
        run,
        false,
        l -> {
          record(l.h(), run, object);
          return Outcome.repeatable(true);
        });
  }

  private static void record(Handle h, RunKey run, ObjectRecord object) {
    h.createUpdate(
            """
            INSERT INTO run_object (run_id, cluster_id, uid, applied_generation)
            VALUES (:run, :cluster, :uid, :generation)
            ON DUPLICATE KEY UPDATE uid = :uid, applied_generation = :generation
            """)
        .bind("run", run.id())
        .bind("cluster", object.clusterId())
        .bind("uid", object.uid())
        .bind("generation", object.appliedGeneration())
        .execute();
  }

  @Override
  public Optional<Run> amend(RunKey run, String clusterId, long generation, Amendment amendment) {
    Amendment rounded = withMicros(amendment);
    return runTransactions.update(
        "amendment",
        run,
        Optional.empty(),
        l -> {
          int applied =
              l.h()
                  .createUpdate(
                      """
                      UPDATE run_object SET applied_generation = :generation
                      WHERE run_id = :run AND cluster_id = :cluster
                        AND applied_generation < :generation
                      """)
                  .bind("run", run.id())
                  .bind("cluster", clusterId)
                  .bind("generation", generation)
                  .execute();
          if (applied == 0) {
            return Outcome.unchanged(Optional.empty());
          }
          // also of a run that it does not change: the generation is applied all the same
          Run next = AmendTransition.amend(l.run(), rounded, ageing, l.now()).orElse(l.run());
          RunTransactions.store(l.h(), next);
          return Outcome.changed(Optional.of(next), h -> hasApplied(h, run, clusterId, generation));
        });
  }

  private static boolean hasApplied(Handle h, RunKey run, String clusterId, long generation) {
    return h.createQuery(
            """
            SELECT 1 FROM run_object WHERE run_id = :run AND cluster_id = :cluster
              AND applied_generation = :generation LOCK IN SHARE MODE
            """)
        .bind("run", run.id())
        .bind("cluster", clusterId)
        .bind("generation", generation)
        .mapTo(Integer.class)
        .findOne()
        .isPresent();
  }

  // ---- an attempt

  @Override
  public Optional<Claimed> claim(AdmitKey key, RunKey expected, String token, String clusterId) {
    return attempts.claim(key, expected, token, clusterId);
  }

  @Override
  public Optional<Attempt> bind(AttemptRef ref, String jobUid, String podUid) {
    return attempts.bind(ref, jobUid, podUid);
  }

  @Override
  public void recordNode(AttemptRef ref, String podUid, String node) {
    attempts.recordNode(ref, podUid, node);
  }

  @Override
  public void markForStop(AttemptRef ref, String podUid, FailureCause cause, String message) {
    attempts.markForStop(ref, podUid, cause, message);
  }

  @Override
  public void markPodMissing(AttemptRef ref, String podUid) {
    attempts.markPodMissing(ref, podUid);
  }

  @Override
  public void clearPodMissing(AttemptRef ref, String podUid) {
    attempts.clearPodMissing(ref, podUid);
  }

  @Override
  public Optional<Run> finish(
      AttemptRef ref, String podUid, Ending ending, RetryPolicy policy, Presence presence) {
    return attempts.finish(ref, podUid, ending, policy, presence);
  }

  @Override
  public Optional<Run> abandon(AttemptRef ref, Abandonment why, RetryPolicy policy) {
    return attempts.abandon(ref, why, policy);
  }

  // ---- a run that waits

  @Override
  public Optional<Run> cancel(RunKey run, String reason, String message) {
    return runTransactions.updateRun(
        "cancel", run, l -> WaitingTransitions.cancel(l.run(), reason, message, l.now()));
  }

  @Override
  public Optional<Run> hold(RunKey run, String reason, String message) {
    return runTransactions.updateRun(
        "hold", run, l -> WaitingTransitions.hold(l.run(), reason, message));
  }

  @Override
  public Optional<Run> release(RunKey run, String reason) {
    return runTransactions.updateRun(
        "release", run, l -> WaitingTransitions.release(l.run(), reason, ageing, l.now()));
  }

  @Override
  public List<Run> due(int limit) {
    return batches.due(limit);
  }

  @Override
  public List<Run> expire(int limit) {
    return batches.expire(limit);
  }

  @Override
  public int purge(Instant finishedBefore, int limit) {
    return batches.purge(finishedBefore, limit);
  }

  @Override
  public List<AdmitKey> freeStaleHolders(int limit) {
    return batches.freeStaleHolders(limit);
  }

  @Override
  public Audit auditHeads(Optional<AdmitKey> after, int limit) {
    return batches.auditHeads(after, limit);
  }

  // ---- queries

  @Override
  public Optional<RunRecord> load(RunKey run, String clusterId) {
    return queries.load(run, clusterId);
  }

  @Override
  public List<Head> openHeads(Optional<Head> after, int limit) {
    return queries.openHeads(after, limit);
  }

  @Override
  public Optional<Instant> nextDue() {
    return queries.nextDue();
  }

  @Override
  public List<Attempt> liveAttempts(String clusterId) {
    return queries.liveAttempts(clusterId);
  }

  @Override
  public List<Attempt> claimsOfSilentClusters(Duration silence, int limit) {
    return queries.claimsOfSilentClusters(silence, limit);
  }

  @Override
  public Map<String, Attempt> attemptsByToken(Collection<String> tokens) {
    return queries.attemptsByToken(tokens);
  }

  @Override
  public List<RecordedObject> recordedObjects(String clusterId, Optional<RunKey> after, int limit) {
    return queries.recordedObjects(clusterId, after, limit);
  }

  @Override
  public List<Run> heldFor(String reason, int limit) {
    return queries.heldFor(reason, limit);
  }

  @Override
  public Map<RunState, Long> countByState() {
    return queries.countByState();
  }

  // ---- the database keeps microseconds, so a row equals what was written

  private static NewRun withMicros(NewRun n) {
    return new NewRun(
        n.key(),
        n.client(),
        n.businessDate(),
        n.schedule(),
        n.admitKey(),
        n.desired(),
        n.priority(),
        n.notBefore().map(MySqlLedger::micros),
        n.startDeadlineSeconds(),
        n.maxAttempts(),
        n.maxInfra(),
        n.request(),
        n.requestSha(),
        n.hashVersion());
  }

  private static Amendment withMicros(Amendment a) {
    return new Amendment(
        a.desired(),
        a.priority(),
        a.notBefore().map(MySqlLedger::micros),
        a.startDeadlineSeconds(),
        a.maxAttempts());
  }

  private static Instant micros(Instant t) {
    return t.truncatedTo(ChronoUnit.MICROS);
  }
}
