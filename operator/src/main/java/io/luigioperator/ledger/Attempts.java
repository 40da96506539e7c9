/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import io.luigioperator.ledger.Locks.LockedAttempt;
import io.luigioperator.ledger.Locks.LockedRun;
import io.luigioperator.ledger.Locks.Mutex;
import io.luigioperator.ledger.RunTransactions.Locked;
import io.luigioperator.ledger.Transactions.Outcome;
import io.luigioperator.run.Abandonment;
import io.luigioperator.run.AdmitKey;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.AttemptRef;
import io.luigioperator.run.AttemptState;
import io.luigioperator.run.AttemptTransitions;
import io.luigioperator.run.EndTransitions;
import io.luigioperator.run.Ending;
import io.luigioperator.run.FailureCause;
import io.luigioperator.run.Presence;
import io.luigioperator.run.Reasons;
import io.luigioperator.run.RetryPolicy;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunAndAttempt;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.WaitingTransitions;
import java.util.Optional;
import org.jdbi.v3.core.Handle;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Claim, bind, finish and abandon: the commits that decide what may physically run, and what is
 * noted about an attempt between them.
 */
final class Attempts implements AttemptLedger {

  private static final Logger LOG = LoggerFactory.getLogger(Attempts.class);

  private final Transactions transactions;
  private final RunTransactions runTransactions;
  private final Invariants invariants;

  Attempts(Transactions transactions, RunTransactions runTransactions, Invariants invariants) {
    this.transactions = transactions;
    this.runTransactions = runTransactions;
    this.invariants = invariants;
  }

  @Override
  public Optional<Claimed> claim(AdmitKey key, RunKey expected, String token, String clusterId) {
    try {
      return transactions.write(
          "claim of run " + expected, h -> claim(h, key, expected, token, clusterId));
    } catch (StatementRefused e) {
      if (e.isDuplicate()) {
        invariants.broken("I1", key, e.getMessage());
      } else {
        holdUnclaimable(expected, e);
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
        Queries.headOf(h, key).filter(expected.id()::equals).flatMap(id -> Locks.run(h, id));
    if (head.isEmpty()) {
      RunTransactions.refresh(
          h, key); // the cache has misled the caller, or the head has just changed
      return Outcome.repeatable(Optional.empty());
    }
    Run run = head.get().run();
    Optional<RunAndAttempt> moved =
        AttemptTransitions.claim(run, mutex.get().fence() + 1, token, clusterId, head.get().now());
    if (moved.isEmpty()) {
      WaitingTransitions.park(run, head.get().now())
          .ifPresent(parked -> RunTransactions.store(h, parked));
      return Outcome.repeatable(Optional.empty());
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
    RunTransactions.refresh(h, key);
    return Outcome.changed(
        Optional.of(
            new Claimed(active, attempt, Queries.object(h, expected, clusterId), head.get().now())),
        RunTransactions.wrote(attempt));
  }

  private void holdUnclaimable(RunKey run, StatementRefused why) {
    LOG.atError()
        .addKeyValue("run", run)
        .setCause(why)
        .log("a run cannot be claimed for good and is held, so that it blocks nobody");
    runTransactions.updateRun(
        "setting aside",
        run,
        l -> WaitingTransitions.hold(l.run(), Reasons.INTERNAL_ERROR, why.getMessage()));
  }

  @Override
  public Optional<RunAndAttempt> bind(AttemptRef ref, String jobUid, String podUid) {
    try {
      return runTransactions.update(
          "bind", ref.run(), Optional.empty(), l -> bind(l, ref, jobUid, podUid));
    } catch (StatementRefused e) {
      if (!e.isDuplicate()) {
        throw e;
      }
      invariants.broken("I2", ref.run(), e.getMessage());
      return Optional.empty();
    }
  }

  private static Outcome<Optional<RunAndAttempt>> bind(
      Locked l, AttemptRef ref, String jobUid, String podUid) {
    Optional<Attempt> attempt = Locks.attempt(l.h(), ref).map(LockedAttempt::attempt);
    Optional<RunAndAttempt> moved =
        attempt.flatMap(a -> AttemptTransitions.bind(l.run(), a, jobUid, podUid, l.now()));
    if (moved.isEmpty()) {
      return Outcome.unchanged(
          attempt
              .filter(
                  a -> a.state() == AttemptState.BOUND && a.isBoundTo(podUid) && !l.run().cancel())
              .map(a -> new RunAndAttempt(l.run(), a)));
    }
    Rows.update(l.h(), moved.get().attempt());
    RunTransactions.store(l.h(), moved.get().run());
    return Outcome.changed(moved, RunTransactions.wrote(moved.get().attempt()));
  }

  @Override
  public Optional<Attempt> recordNode(Attempt attempt, String node) {
    return note("record node", attempt, (a, pod, l) -> AttemptTransitions.recordNode(a, pod, node));
  }

  @Override
  public Optional<Attempt> markForStop(Attempt attempt, FailureCause cause, String message) {
    return note(
        "mark for stop",
        attempt,
        (a, pod, l) -> AttemptTransitions.markForStop(a, pod, cause, message));
  }

  @Override
  public Optional<Attempt> markPodMissing(Attempt attempt) {
    return note(
        "mark missing pod",
        attempt,
        (a, pod, l) -> AttemptTransitions.markPodMissing(a, pod, l.now()));
  }

  @Override
  public Optional<Attempt> clearPodMissing(Attempt attempt) {
    return note(
        "clear missing pod", attempt, (a, pod, l) -> AttemptTransitions.clearPodMissing(a, pod));
  }

  @FunctionalInterface
  private interface Note {
    Optional<Attempt> of(Attempt attempt, String podUid, LockedAttempt locked);
  }

  /** Changes what is known about an attempt and nothing that decides. */
  private Optional<Attempt> note(String what, Attempt known, Note note) {
    return transactions.write(
        "%s of attempt %d of run %s".formatted(what, known.number(), known.run()),
        h -> {
          Locks.barrier(h);
          Optional<Attempt> next =
              Locks.attempt(h, known.ref())
                  .filter(l -> l.attempt().equals(known))
                  .flatMap(l -> known.binding().flatMap(b -> note.of(l.attempt(), b.podUid(), l)));
          if (next.isEmpty()) {
            return Outcome.unchanged(Optional.empty());
          }
          Rows.update(h, next.get());
          return Outcome.changed(next, RunTransactions.wrote(next.get()));
        });
  }

  @Override
  public Optional<RunAndAttempt> finish(
      AttemptRef ref, String podUid, Ending ending, RetryPolicy policy, Presence presence) {
    return end(
        "finish",
        ref,
        (l, attempt) ->
            EndTransitions.finish(
                l.run(),
                attempt,
                podUid,
                ending,
                policy,
                Queries.endedWith(l.h(), attempt, ending.cause().reason()),
                presence,
                l.now()));
  }

  @Override
  public Optional<RunAndAttempt> abandon(AttemptRef ref, Abandonment why, RetryPolicy policy) {
    return end(
        "abandonment",
        ref,
        (l, attempt) -> EndTransitions.abandon(l.run(), attempt, why, policy, l.now()));
  }

  @FunctionalInterface
  private interface End {
    Optional<RunAndAttempt> of(Locked l, Attempt attempt);
  }

  private Optional<RunAndAttempt> end(String what, AttemptRef ref, End end) {
    return runTransactions.update(
        what,
        ref.run(),
        Optional.empty(),
        l -> {
          Optional<RunAndAttempt> moved =
              Locks.attempt(l.h(), ref).flatMap(locked -> end.of(l, locked.attempt()));
          if (moved.isEmpty()) {
            return Outcome.unchanged(Optional.empty());
          }
          runTransactions.storeEnd(l.h(), moved.get().run(), moved.get().attempt());
          return Outcome.changed(moved, RunTransactions.wrote(moved.get().attempt()));
        });
  }
}
