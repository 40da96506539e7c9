/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import static io.luigioperator.ledger.SqlStates.expand;

import io.luigioperator.ledger.Locks.LockedRun;
import io.luigioperator.ledger.Transactions.CommitCheck;
import io.luigioperator.ledger.Transactions.Outcome;
import io.luigioperator.run.AdmitKey;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import java.time.Instant;
import java.util.Optional;
import java.util.function.Function;
import org.jdbi.v3.core.Handle;

/**
 * The one shape of every change of a run: meta, the key and the run under lock, the change, and at
 * last the key's cached virtual start. Whoever holds the key's row sees its READY runs stand still.
 */
final class RunTransactions {

  /**
   * What a move works on.
   *
   * @param now database time, taken with all locks held
   */
  record Locked(Handle h, Run run, Instant now) {}

  private final Transactions transactions;
  private final Invariants invariants;

  RunTransactions(Transactions transactions, Invariants invariants) {
    this.transactions = transactions;
    this.invariants = invariants;
  }

  /**
   * @param absent the answer when there is no such run
   */
  <T> T update(String what, RunKey key, T absent, Function<Locked, Outcome<T>> change) {
    return transactions.write(
        what + " of run " + key,
        h -> {
          Optional<AdmitKey> admitKey = admitKey(h, key);
          if (admitKey.isEmpty()) {
            return Outcome.unchanged(absent);
          }
          Locks.barrier(h);
          Locks.mutex(h, admitKey.get()); // none: the key has gone with its run
          LockedRun locked = Locks.run(h, key).orElseThrow();
          if (!locked.run().admitKey().equals(admitKey.get())) {
            // changed by the end of a PLAN or CHECK; out of order, so that a deadlock repeats this
            Locks.mutex(h, locked.run().admitKey());
          }
          return change.apply(new Locked(h, locked.run(), locked.now()));
        });
  }

  /** A move that touches the run alone. */
  Optional<Run> updateRun(String what, RunKey run, Function<Locked, Optional<Run>> transition) {
    return update(
        what,
        run,
        Optional.empty(),
        l -> {
          Optional<Run> next = transition.apply(l);
          if (next.isEmpty()) {
            return Outcome.unchanged(Optional.empty());
          }
          store(l.h(), next.get());
          return Outcome.changed(next, wrote(next.get()));
        });
  }

  /** Read before anything is locked, and compared once the run is. */
  private static Optional<AdmitKey> admitKey(Handle h, RunKey key) {
    return h.createQuery("SELECT admit_key FROM run WHERE run_id = :id")
        .bind("id", key.id())
        .map((rs, ctx) -> new AdmitKey(rs.getString(1)))
        .findOne();
  }

  /** Writes a run that has no part in an attempt's end. */
  static void store(Handle h, Run next) {
    Rows.update(h, next);
    settleKey(h, next);
  }

  /** Writes an attempt's end and its run, and frees the mutex if it is this attempt's. */
  void storeEnd(Handle h, Run next, Attempt ended) {
    Rows.update(h, ended);
    Rows.update(h, next);
    int freed =
        h.createUpdate(
                """
                UPDATE client_mutex SET holder_run = NULL
                WHERE admit_key = :key AND holder_run = :id AND fence = :fence
                """)
            .bind("key", ended.admitKey().value())
            .bind("id", next.key().id())
            .bind("fence", ended.ref().fence())
            .execute();
    if (freed == 0) {
      invariants.broken(
          "I4",
          ended.admitKey(),
          "held by somebody else while attempt %s ended".formatted(ended.jobName()));
    }
    settleKey(h, next, ended.admitKey());
  }

  static void settleKey(Handle h, Run run) {
    settleKey(h, run, run.admitKey());
  }

  /**
   * Refreshes what the key's row caches. The own key of a run is deleted with the run's last
   * commit; a run that waits for its client has one only if it had a PLAN or CHECK attempt.
   */
  private static void settleKey(Handle h, Run run, AdmitKey key) {
    boolean terminal = run.state().isTerminal();
    if (!terminal || !key.isOwn()) {
      refresh(h, key);
    }
    if (terminal && (key.isOwn() || run.budget().claims() != run.budget().counted())) {
      h.createUpdate("DELETE FROM client_mutex WHERE admit_key = :key")
          .bind("key", AdmitKey.own(run.key()).value())
          .execute();
    }
  }

  static void refresh(Handle h, AdmitKey key) {
    h.createUpdate(
            expand(
                """
            UPDATE client_mutex SET next_admit_at =
              (SELECT MIN(admit_at) FROM run WHERE admit_key = :key AND state = {READY})
            WHERE admit_key = :key
            """))
        .bind("key", key.value())
        .execute();
  }

  /** A commit that wrote this row happened, if the row stands there still. */
  static CommitCheck wrote(Run run) {
    return h -> Locks.run(h, run.key()).filter(l -> l.run().equals(run)).isPresent();
  }

  /** Attempts change in one direction only, so that an equal row is this commit's or as good. */
  static CommitCheck wrote(Attempt attempt) {
    return h ->
        Locks.attempt(h, attempt.ref()).filter(l -> l.attempt().equals(attempt)).isPresent();
  }
}
