/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import io.luigioperator.ledger.Locks.LockedAttempt;
import io.luigioperator.ledger.Locks.Mutex;
import io.luigioperator.ledger.RunTransactions.LockedEnd;
import io.luigioperator.ledger.Transactions.Opening;
import io.luigioperator.ledger.Transactions.Outcome;
import io.luigioperator.run.Abandonment;
import io.luigioperator.run.AdmitKey;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.AttemptRef;
import io.luigioperator.run.AttemptState;
import io.luigioperator.run.AttemptTransitions;
import io.luigioperator.run.EndCause;
import io.luigioperator.run.EndCause.Treatment;
import io.luigioperator.run.EndTransitions;
import io.luigioperator.run.Ending;
import io.luigioperator.run.FailureCause;
import io.luigioperator.run.Message;
import io.luigioperator.run.ObjectRecord;
import io.luigioperator.run.Presence;
import io.luigioperator.run.Reasons;
import io.luigioperator.run.RetryPolicy;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunAndAttempt;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.WaitingTransitions;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.statement.Query;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Claim, bind, finish and abandon: the transactions that decide which pod may run. Between them,
 * facts about a bound attempt are recorded.
 */
final class Attempts implements AttemptLedger {

  private static final Logger LOG = LoggerFactory.getLogger(Attempts.class);

  /**
   * What a claim reads in addition to the locked rows.
   *
   * @param head id of the READY run of the key that is next, if any
   * @param retired whether the cluster that claims was retired
   */
  private record ClaimInput(
      Instant now, Optional<String> head, Optional<ObjectRecord> object, boolean retired) {}

  /** The last statement reads rows that do not change while the locks are held. */
  private static final Opening CLAIM =
      Opening.of(
          Locks.MUTEX,
          Locks.RUN,
          """
          SELECT UTC_TIMESTAMP(6) AS db_now,
            (SELECT h.run_id FROM run h WHERE h.admit_key = :key AND h.state = {READY}
             ORDER BY h.admit_at, h.run_id LIMIT 1) AS head
          """
              + ", "
              + Rows.OBJECT_COLUMNS
              + """
            , (SELECT c.retired_at FROM cluster c WHERE c.cluster_identity = :cluster) IS NOT NULL
              AS retired
          FROM (SELECT 1) AS one
          LEFT JOIN run_object o ON o.run_id = :id AND o.cluster_identity = :cluster
          """);

  private static final Statements STORE_CLAIM =
      Statements.of(
          Rows.INSERT_ATTEMPT,
          Rows.UPDATE_RUN,
          """
          UPDATE client_mutex SET holder_run = :a_run_id, fence = :a_fence, next_admit_at =
            (SELECT MIN(admit_at) FROM run WHERE admit_key = :a_admit_key AND state = {READY})
          WHERE admit_key = :a_admit_key
          """);

  /**
   * Without the key: a binding changes no READY run and no holder. It meets a cancel at the row of
   * the run.
   */
  private static final Opening BIND = Opening.of(Locks.RUN, Locks.ATTEMPT);

  private static final Statements STORE_BINDING =
      Statements.of(Rows.UPDATE_ATTEMPT, Rows.UPDATE_RUN);

  private static final Statements ENDED_WITH =
      Statements.of(
          """
          SELECT COUNT(*) AS ended FROM attempt
          WHERE run_id = :id AND number <> :number AND state = {ENDED} AND reason = :reason
          """);

  /**
   * The row is still the one that the caller knows, and the barrier is not raised. The barrier
   * needs no lock here, because nothing is decided by what is recorded.
   */
  private static final String AS_KNOWN =
      """
       WHERE run_id = :a_run_id AND number = :a_number AND fence = :a_fence AND state = {BOUND}
        AND pod_uid = :a_pod_uid AND node <=> :a_node AND stop_cause <=> :a_stop_cause
        AND stop_message <=> :a_stop_message AND missing_since <=> :a_missing_since
        AND (SELECT barrier FROM meta WHERE id = 1) = 0
      """;

  private static final String READ_ATTEMPT =
      "SELECT "
          + Rows.ATTEMPT_COLUMNS
          + " FROM attempt a WHERE a.run_id = :a_run_id AND a.number = :a_number";

  private static final Statements RECORD_NODE =
      Statements.of("UPDATE attempt SET node = :node" + AS_KNOWN);

  private static final Statements MARK_FOR_STOP =
      Statements.of("UPDATE attempt SET stop_cause = :cause, stop_message = :message" + AS_KNOWN);

  private static final Statements MARK_POD_MISSING =
      Statements.of("UPDATE attempt SET missing_since = UTC_TIMESTAMP(6)" + AS_KNOWN, READ_ATTEMPT);

  private static final Statements CLEAR_POD_MISSING =
      Statements.of("UPDATE attempt SET missing_since = NULL" + AS_KNOWN);

  private static final Statements BARRIER = Statements.of("SELECT barrier FROM meta WHERE id = 1");

  private final Transactions transactions;
  private final RunTransactions runTransactions;
  private final Invariants invariants;

  Attempts(Transactions transactions, RunTransactions runTransactions, Invariants invariants) {
    this.transactions = transactions;
    this.runTransactions = runTransactions;
    this.invariants = invariants;
  }

  // ---- claim

  @Override
  public Optional<Claimed> claim(AdmitKey key, RunKey expected, String token, String cluster) {
    try {
      return transactions.write(
          "claim of run " + expected,
          CLAIM,
          q -> q.bind("key", key.value()).bind("id", expected.id()).bind("cluster", cluster),
          (h, found) -> claim(h, found, expected, token, cluster));
    } catch (StatementRefused e) {
      if (e.isDuplicate()) {
        invariants.broken("I1", key, e.getMessage());
      } else {
        holdUnclaimable(expected, e);
      }
      return Optional.empty();
    }
  }

  private static Outcome<Optional<Claimed>> claim(
      Handle h, Results found, RunKey expected, String token, String cluster) {
    Optional<Mutex> mutex = found.first(Locks::mutex);
    Optional<Run> run = found.first(Rows::run);
    ClaimInput input = found.first(row -> input(row, cluster)).orElseThrow();
    if (mutex.isEmpty() || mutex.get().holder().isPresent() || input.retired()) {
      return Outcome.unchanged(Optional.empty());
    }
    if (run.isEmpty() || input.head().filter(expected.id()::equals).isEmpty()) {
      // next_admit_at was wrong, or the head has just changed
      RunTransactions.refresh(h, mutex.get().key());
      return Outcome.repeatable(Optional.empty());
    }
    Instant now = input.now();
    Optional<RunAndAttempt> claimed =
        AttemptTransitions.claim(run.get(), mutex.get().fence() + 1, token, cluster, now);
    if (claimed.isEmpty()) {
      WaitingTransitions.expireOrHold(run.get(), now)
          .ifPresent(parked -> RunTransactions.store(h, parked));
      return Outcome.repeatable(Optional.empty());
    }
    Run active = claimed.get().run();
    Attempt attempt = claimed.get().attempt();
    STORE_CLAIM.run(h, q -> Rows.bind(Rows.bind(q, "r_", active), attempt));
    return Outcome.changed(
        Optional.of(new Claimed(active, attempt, input.object(), now)),
        RunTransactions.wrote(attempt));
  }

  private static ClaimInput input(ResultSet row, String cluster) throws SQLException {
    return new ClaimInput(
        Locks.time(row),
        Optional.ofNullable(row.getString("head")),
        Rows.object(row, cluster),
        row.getBoolean("retired"));
  }

  private void holdUnclaimable(RunKey run, StatementRefused refusal) {
    LOG.atError()
        .addKeyValue("run", run)
        .setCause(refusal)
        .log("the database refuses the claim of this run permanently; the run is held");
    runTransactions.updateRun(
        "hold",
        run,
        l -> WaitingTransitions.hold(l.run(), Reasons.INTERNAL_ERROR, refusal.getMessage()));
  }

  // ---- bind

  @Override
  public Optional<RunAndAttempt> bind(AttemptRef ref, String jobUid, String podUid) {
    try {
      return transactions.write(
          "bind of run " + ref.run(),
          BIND,
          q -> q.bind("id", ref.run().id()).bind("number", ref.number()),
          (h, found) -> bind(h, found, ref, jobUid, podUid));
    } catch (StatementRefused e) {
      if (!e.isDuplicate()) {
        throw e;
      }
      invariants.broken("I2", ref.run(), e.getMessage());
      return Optional.empty();
    }
  }

  private static Outcome<Optional<RunAndAttempt>> bind(
      Handle h, Results found, AttemptRef ref, String jobUid, String podUid) {
    Optional<Run> run = found.first(Rows::run);
    Optional<LockedAttempt> locked = Locks.attempt(found, ref);
    if (run.isEmpty() || locked.isEmpty()) {
      return Outcome.unchanged(Optional.empty());
    }
    Attempt attempt = locked.get().attempt();
    Optional<RunAndAttempt> bound =
        AttemptTransitions.bind(run.get(), attempt, jobUid, podUid, locked.get().now());
    if (bound.isPresent()) {
      STORE_BINDING.run(
          h, q -> Rows.bind(Rows.bind(q, "r_", bound.get().run()), bound.get().attempt()));
      return Outcome.changed(bound, RunTransactions.wrote(bound.get().attempt()));
    }
    boolean boundBefore =
        attempt.state() == AttemptState.BOUND && attempt.isBoundTo(podUid) && !run.get().cancel();
    return Outcome.unchanged(
        boundBefore ? Optional.of(new RunAndAttempt(run.get(), attempt)) : Optional.empty());
  }

  // ---- what is recorded about a bound attempt

  @Override
  public Optional<Attempt> recordNode(Attempt attempt, String node) {
    return record(
        "record of the node",
        attempt,
        podUid -> AttemptTransitions.recordNode(attempt, podUid, node),
        RECORD_NODE,
        q -> q.bind("node", node));
  }

  @Override
  public Optional<Attempt> markForStop(Attempt attempt, FailureCause cause, String message) {
    return record(
        "stop reason",
        attempt,
        podUid -> AttemptTransitions.markForStop(attempt, podUid, cause, message),
        MARK_FOR_STOP,
        q -> q.bind("cause", cause.reason()).bind("message", Message.bounded(message)));
  }

  @Override
  public Optional<Attempt> clearPodMissing(Attempt attempt) {
    return record(
        "end of the pod's absence",
        attempt,
        podUid -> AttemptTransitions.clearPodMissing(attempt, podUid),
        CLEAR_POD_MISSING,
        q -> {});
  }

  private Optional<Attempt> record(
      String what,
      Attempt known,
      Function<String, Optional<Attempt>> transition,
      Statements statement,
      Consumer<Query> values) {
    Optional<Attempt> next = known.binding().flatMap(b -> transition.apply(b.podUid()));
    return next.flatMap(
        written ->
            transactions.writeOnce(
                what + " of run " + known.run(),
                h -> recorded(h, statement, q -> values.accept(Rows.bind(q, known)), r -> next),
                h -> Locks.attempt(h, known.ref()).filter(written::equals)));
  }

  /** The time is the server's, so the row is read, in the same packet. */
  @Override
  public Optional<Attempt> markPodMissing(Attempt attempt) {
    if (attempt.state() != AttemptState.BOUND || attempt.missingSince().isPresent()) {
      return Optional.empty();
    }
    return transactions.writeOnce(
        "absence of the pod of run " + attempt.run(),
        h ->
            recorded(
                h,
                MARK_POD_MISSING,
                q -> Rows.bind(q, attempt),
                results -> results.first(row -> Rows.attempt(row, attempt.run()))),
        h -> Locks.attempt(h, attempt.ref()).filter(row -> isMissingSince(attempt, row)));
  }

  private static boolean isMissingSince(Attempt known, Attempt row) {
    return row.missingSince()
        .flatMap(
            since ->
                known
                    .binding()
                    .flatMap(b -> AttemptTransitions.markPodMissing(known, b.podUid(), since)))
        .filter(row::equals)
        .isPresent();
  }

  private static Optional<Attempt> recorded(
      Handle h,
      Statements statement,
      Consumer<Query> values,
      Function<Results, Optional<Attempt>> written) {
    Optional<Attempt> next =
        statement.run(
            h,
            values,
            results -> results.count(0) == 0 ? Optional.empty() : written.apply(results));
    if (next.isEmpty() && BARRIER.run(h, q -> {}, Locks::isBarrierRaised)) {
      throw Locks.barrierIsRaised();
    }
    return next;
  }

  // ---- the end

  @Override
  public Optional<RunAndAttempt> finish(
      AttemptRef ref, String podUid, Ending ending, RetryPolicy policy, Presence presence) {
    return runTransactions.end(
        "finish",
        ref,
        l ->
            EndTransitions.finish(
                l.run(),
                l.attempt(),
                podUid,
                ending,
                policy,
                endedWithTheSameReason(l, ending),
                presence,
                l.now()));
  }

  /** How many other attempts of the run ended with this reason, if the retry rule depends on it. */
  private static int endedWithTheSameReason(LockedEnd l, Ending observed) {
    EndCause cause = EndTransitions.attributed(l.attempt(), observed).cause();
    if (cause.treatment() != Treatment.RETRY_ONCE) {
      return 0;
    }
    return ENDED_WITH.run(
        l.h(),
        q ->
            q.bind("id", l.attempt().run().id())
                .bind("number", l.attempt().number())
                .bind("reason", cause.reason()),
        found -> found.first(row -> row.getInt("ended")).orElseThrow());
  }

  @Override
  public Optional<RunAndAttempt> abandon(
      AttemptRef ref, Abandonment abandonment, RetryPolicy policy) {
    return runTransactions.end(
        "abandonment",
        ref,
        l -> EndTransitions.abandon(l.run(), l.attempt(), abandonment, policy, l.now()));
  }
}
