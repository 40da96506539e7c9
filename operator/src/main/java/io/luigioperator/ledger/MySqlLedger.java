/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import io.luigioperator.ledger.Locks.LockedAttempt;
import io.luigioperator.ledger.Locks.LockedRun;
import io.luigioperator.ledger.Locks.Mutex;
import io.luigioperator.ledger.Moves.Locked;
import io.luigioperator.ledger.Transactions.Outcome;
import io.luigioperator.run.Abandonment;
import io.luigioperator.run.AdmitKey;
import io.luigioperator.run.Ageing;
import io.luigioperator.run.Amendment;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.AttemptRef;
import io.luigioperator.run.AttemptState;
import io.luigioperator.run.Ending;
import io.luigioperator.run.FailureCause;
import io.luigioperator.run.NewRun;
import io.luigioperator.run.Presence;
import io.luigioperator.run.Reasons;
import io.luigioperator.run.RetryPolicy;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunState;
import io.luigioperator.run.Transitions;
import io.luigioperator.run.Transitions.Moved;
import io.micrometer.core.instrument.MeterRegistry;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.random.RandomGenerator;
import org.jdbi.v3.core.Handle;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The ledger in MySQL 9 or MariaDB 11.4: see {@link Moves} for the shape of its transactions. */
public final class MySqlLedger implements Ledger, AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(MySqlLedger.class);

  private final Database database;
  private final Transactions transactions;
  private final Moves moves;
  private final Batches batches;
  private final Reads reads;
  private final Invariants invariants;
  private final Ageing ageing;

  private MySqlLedger(
      Database database,
      Ageing ageing,
      RandomGenerator random,
      Pause pause,
      MeterRegistry metrics) {
    this.database = database;
    this.ageing = ageing;
    this.invariants = new Invariants(metrics);
    this.transactions = new Transactions(database, random, pause, metrics);
    this.moves = new Moves(transactions, invariants);
    this.batches = new Batches(transactions, invariants);
    this.reads = new Reads(transactions);
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
    return reads.now();
  }

  /** The only change that a raised barrier lets through. */
  @Override
  public String heartbeat(String clusterId, String identity) {
    return transactions.write(
        "heartbeat of cluster " + clusterId,
        h -> {
          h.createUpdate(
                  """
                  INSERT INTO cluster (cluster_id, identity, seen_at)
                  VALUES (:id, :identity, UTC_TIMESTAMP(6))
                  ON DUPLICATE KEY UPDATE seen_at = UTC_TIMESTAMP(6)
                  """)
              .bind("id", clusterId)
              .bind("identity", identity)
              .execute();
          return Outcome.repeatable(identityOf(h, clusterId).orElseThrow());
        });
  }

  /** A repetition finds the identity there and leaves the objects recorded since alone. */
  @Override
  public void adopt(String clusterId, String identity) {
    transactions.write(
        "adoption of cluster " + clusterId,
        h -> {
          Locks.barrier(h);
          Optional<String> before = identityOf(h, clusterId);
          if (before.isEmpty() || before.get().equals(identity)) {
            return Outcome.unchanged(false);
          }
          h.createUpdate("UPDATE cluster SET identity = :identity WHERE cluster_id = :id")
              .bind("identity", identity)
              .bind("id", clusterId)
              .execute();
          h.createUpdate("DELETE FROM run_object WHERE cluster_id = :id")
              .bind("id", clusterId)
              .execute();
          return Outcome.repeatable(true);
        });
  }

  private static Optional<String> identityOf(Handle h, String clusterId) {
    return h.createQuery("SELECT identity FROM cluster WHERE cluster_id = :id FOR UPDATE")
        .bind("id", clusterId)
        .mapTo(String.class)
        .findOne();
  }

  // ---- a run's way in

  @Override
  public Acceptance accept(NewRun run, ObjectRecord object) {
    NewRun rounded = withMicros(run);
    try {
      return transactions.write("accept of run " + run.key(), h -> accept(h, rounded, object));
    } catch (StatementRefused e) {
      // accepted a moment ago under another key: two keys' locks do not exclude each other
      Optional<Run> winner = e.isDuplicate() ? reads.run(run.key()) : Optional.empty();
      return winner.map(w -> compared(w, run)).orElseThrow(() -> e);
    }
  }

  private Outcome<Acceptance> accept(Handle h, NewRun run, ObjectRecord object) {
    Optional<Run> known = Reads.run(h, run.key());
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
    Optional<Run> meanwhile = Reads.run(h, run.key());
    if (meanwhile.isPresent()) {
      return Outcome.unchanged(compared(meanwhile.get(), run));
    }
    Run accepted = Transitions.accept(run, ageing, Reads.now(h));
    Rows.insert(h, accepted);
    record(h, run.key(), object);
    Moves.settleKey(h, accepted);
    return Outcome.changed(new Acceptance.Accepted(accepted), Moves.wrote(accepted));
  }

  private static Acceptance compared(Run known, NewRun asked) {
    return known.origin().requestSha().equals(asked.requestSha())
        ? new Acceptance.Same(known)
        : new Acceptance.NameTaken(known);
  }

  @Override
  public void recordObject(RunKey run, ObjectRecord object) {
    moves.move(
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
    return moves.move(
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
          Run next = Transitions.amend(l.run(), rounded, ageing, l.now()).orElse(l.run());
          Moves.store(l.h(), next);
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
    try {
      return transactions.write(
          "claim of run " + expected, h -> claim(h, key, expected, token, clusterId));
    } catch (StatementRefused e) {
      if (e.isDuplicate()) {
        invariants.broken("I1", key, e.getMessage());
      } else {
        setAside(expected, e);
      }
      return Optional.empty();
    }
  }

  private Outcome<Optional<Claimed>> claim(
      Handle h, AdmitKey key, RunKey expected, String token, String clusterId) {
    Locks.barrier(h);
    Optional<Mutex> mutex = Locks.mutex(h, key);
    if (mutex.isEmpty() || mutex.get().holder().isPresent()) {
      return Outcome.unchanged(Optional.empty());
    }
    Optional<LockedRun> head =
        Reads.headOf(h, key).filter(expected.id()::equals).flatMap(id -> Locks.run(h, id));
    if (head.isEmpty()) {
      Moves.refresh(h, key); // the cache has misled the caller, or the head has just changed
      return Outcome.repeatable(Optional.empty());
    }
    Run run = head.get().run();
    Optional<Moved> moved =
        Transitions.claim(run, mutex.get().fence() + 1, token, clusterId, head.get().now());
    if (moved.isEmpty()) {
      return park(h, run);
    }
    Run active = moved.get().run();
    Attempt attempt = moved.get().attempt();
    Rows.insert(h, attempt);
    Rows.update(h, active);
    h.createUpdate(
            "UPDATE client_mutex SET holder_run = :id, fence = :fence WHERE admit_key = :key")
        .bind("id", active.key().id())
        .bind("fence", attempt.ref().fence())
        .bind("key", key.value())
        .execute();
    Moves.refresh(h, key);
    return Outcome.changed(Optional.of(new Claimed(active, attempt)), Moves.wrote(attempt));
  }

  /** A READY run that may not be claimed would stand at the head of its key for ever. */
  private static Outcome<Optional<Claimed>> park(Handle h, Run head) {
    Transitions.hold(
            head,
            Reasons.INTERNAL_ERROR,
            "it was READY, but all of its %d attempts are counted"
                .formatted(head.budget().maxAttempts()))
        .ifPresent(held -> Moves.store(h, held));
    return Outcome.repeatable(Optional.empty());
  }

  private void setAside(RunKey run, StatementRefused why) {
    LOG.atError()
        .addKeyValue("run", run)
        .setCause(why)
        .log("a run cannot be claimed for good and is held, so that it blocks nobody");
    changeRun(
        "setting aside",
        run,
        l -> Transitions.hold(l.run(), Reasons.INTERNAL_ERROR, why.getMessage()));
  }

  @Override
  public Optional<Attempt> bind(AttemptRef ref, String jobUid, String podUid) {
    try {
      return moves.move("bind", ref.run(), Optional.empty(), l -> bind(l, ref, jobUid, podUid));
    } catch (StatementRefused e) {
      if (!e.isDuplicate()) {
        throw e;
      }
      invariants.broken("I2", new AdmitKey(ref.run().toString()), e.getMessage());
      return Optional.empty();
    }
  }

  private static Outcome<Optional<Attempt>> bind(
      Locked l, AttemptRef ref, String jobUid, String podUid) {
    Optional<Attempt> attempt = Locks.attempt(l.h(), ref).map(LockedAttempt::attempt);
    Optional<Moved> moved =
        attempt.flatMap(a -> Transitions.bind(l.run(), a, jobUid, podUid, l.now()));
    if (moved.isEmpty()) {
      return Outcome.unchanged(
          attempt.filter(
              a -> a.state() == AttemptState.BOUND && a.isBoundTo(podUid) && !l.run().cancel()));
    }
    Rows.update(l.h(), moved.get().attempt());
    Moves.store(l.h(), moved.get().run());
    return Outcome.changed(Optional.of(moved.get().attempt()), Moves.wrote(moved.get().attempt()));
  }

  @Override
  public void locate(AttemptRef ref, String podUid, String node) {
    note("place", ref, l -> Transitions.locate(l.attempt(), podUid, node));
  }

  @Override
  public void doom(AttemptRef ref, String podUid, FailureCause cause, String message) {
    note("doom", ref, l -> Transitions.doom(l.attempt(), podUid, cause, message));
  }

  @Override
  public Optional<Instant> suspect(AttemptRef ref, String podUid) {
    return note("suspicion", ref, l -> Transitions.suspect(l.attempt(), podUid, l.now()))
        .filter(a -> a.state() == AttemptState.BOUND && a.isBoundTo(podUid))
        .flatMap(Attempt::uncleanSince);
  }

  @Override
  public void reassure(AttemptRef ref, String podUid) {
    note("reassurance", ref, l -> Transitions.reassure(l.attempt(), podUid));
  }

  /** Changes what is known about an attempt and nothing that decides; the attempt as it is now. */
  private Optional<Attempt> note(
      String what, AttemptRef ref, Function<LockedAttempt, Optional<Attempt>> change) {
    return transactions.write(
        "%s of attempt %d of run %s".formatted(what, ref.number(), ref.run()),
        h -> {
          Locks.barrier(h);
          Optional<LockedAttempt> locked = Locks.attempt(h, ref);
          Optional<Attempt> next = locked.flatMap(change);
          if (next.isEmpty()) {
            return Outcome.unchanged(locked.map(LockedAttempt::attempt));
          }
          Rows.update(h, next.get());
          return Outcome.changed(next, Moves.wrote(next.get()));
        });
  }

  @Override
  public Optional<Run> finish(
      AttemptRef ref, String podUid, Ending ending, RetryPolicy policy, Presence presence) {
    return end(
        "finish",
        ref,
        (l, attempt) ->
            Transitions.finish(
                l.run(),
                attempt,
                podUid,
                ending,
                policy,
                Reads.endedWith(l.h(), attempt, ending.cause().reason()),
                presence,
                l.now()));
  }

  @Override
  public Optional<Run> abandon(AttemptRef ref, Abandonment why, RetryPolicy policy) {
    return end(
        "abandonment",
        ref,
        (l, attempt) -> Transitions.abandon(l.run(), attempt, why, policy, l.now()));
  }

  @FunctionalInterface
  private interface End {
    Optional<Moved> of(Locked l, Attempt attempt);
  }

  private Optional<Run> end(String what, AttemptRef ref, End end) {
    return moves.move(
        what,
        ref.run(),
        Optional.empty(),
        l -> {
          Optional<Moved> moved =
              Locks.attempt(l.h(), ref).flatMap(locked -> end.of(l, locked.attempt()));
          if (moved.isEmpty()) {
            return Outcome.unchanged(Optional.empty());
          }
          moves.storeEnd(l.h(), moved.get().run(), moved.get().attempt());
          return Outcome.changed(
              Optional.of(moved.get().run()), Moves.wrote(moved.get().attempt()));
        });
  }

  // ---- a run that waits

  @Override
  public Optional<Run> cancel(RunKey run, String reason, String message) {
    return changeRun("cancel", run, l -> Transitions.cancel(l.run(), reason, message, l.now()));
  }

  @Override
  public Optional<Run> hold(RunKey run, String reason, String message) {
    return changeRun("hold", run, l -> Transitions.hold(l.run(), reason, message));
  }

  @Override
  public Optional<Run> release(RunKey run, String reason) {
    return changeRun("release", run, l -> Transitions.release(l.run(), reason, ageing, l.now()));
  }

  private Optional<Run> changeRun(
      String what, RunKey run, Function<Locked, Optional<Run>> transition) {
    return moves.move(
        what,
        run,
        Optional.empty(),
        l -> {
          Optional<Run> next = transition.apply(l);
          if (next.isEmpty()) {
            return Outcome.unchanged(Optional.empty());
          }
          Moves.store(l.h(), next.get());
          return Outcome.changed(next, Moves.wrote(next.get()));
        });
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

  // ---- reads

  @Override
  public Optional<RunRecord> load(RunKey run, String clusterId) {
    return reads.load(run, clusterId);
  }

  @Override
  public List<Head> openHeads(Optional<Head> after, int limit) {
    return reads.openHeads(after, limit);
  }

  @Override
  public Optional<Instant> nextDue() {
    return reads.nextDue();
  }

  @Override
  public List<Attempt> liveAttempts(String clusterId) {
    return reads.liveAttempts(clusterId);
  }

  @Override
  public List<Attempt> abandonedClaims(Duration silence, int limit) {
    return reads.abandonedClaims(silence, limit);
  }

  @Override
  public Optional<Attempt> attemptByToken(String token) {
    return reads.attemptByToken(token);
  }

  @Override
  public List<Recorded> recordedObjects(String clusterId, Optional<RunKey> after, int limit) {
    return reads.recordedObjects(clusterId, after, limit);
  }

  @Override
  public List<Run> heldFor(String reason, int limit) {
    return reads.heldFor(reason, limit);
  }

  @Override
  public Map<RunState, Long> census() {
    return reads.census();
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
