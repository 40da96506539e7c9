/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import io.luigioperator.ledger.Locks.LockedAttempt;
import io.luigioperator.ledger.Locks.Mutex;
import io.luigioperator.ledger.Transactions.CommitCheck;
import io.luigioperator.ledger.Transactions.Opening;
import io.luigioperator.ledger.Transactions.Outcome;
import io.luigioperator.run.AdmitKey;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.AttemptRef;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunAndAttempt;
import io.luigioperator.run.RunKey;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.function.BiFunction;
import java.util.function.Function;
import org.jdbi.v3.core.Handle;

/**
 * The steps of every change of a run: one packet locks the barrier, the key and the run; the next
 * one writes the change and {@code next_admit_at} of the key. While the row of a key is locked, the
 * set of its READY runs does not change.
 */
final class RunTransactions {

  /**
   * A run whose key is locked, too.
   *
   * @param now database time, taken with all locks held
   */
  record Locked(Handle h, Run run, Instant now) {}

  /** A run and its attempt, locked together with the key of the attempt. */
  record LockedEnd(Handle h, Run run, Attempt attempt, Instant now) {}

  private static final Opening RUN = Opening.of(Locks.MUTEX_OF_RUN, Locks.RUN, Locks.TIME);

  private static final Opening RUN_UNDER_LIMIT =
      Opening.of(LockedLimits.LOCK_OF_RUN, Locks.MUTEX_OF_RUN, Locks.RUN, Locks.TIME);

  private static final Opening END = Opening.of(Locks.MUTEX_OF_ATTEMPT, Locks.RUN, Locks.ATTEMPT);

  /** Computes {@code next_admit_at} of one key. */
  static final String REFRESH_KEY =
      """
      UPDATE client_mutex SET next_admit_at =
        (SELECT MIN(admit_at) FROM run WHERE admit_key = :key AND state = {READY})
      WHERE admit_key = :key
      """;

  /** The same for several keys, whose rows are locked already. */
  static final String REFRESH_KEYS =
      """
      UPDATE client_mutex m FORCE INDEX (PRIMARY) SET m.next_admit_at =
        (SELECT MIN(r.admit_at) FROM run r WHERE r.admit_key = m.admit_key AND r.state = {READY})
      WHERE m.admit_key IN (<keys>)
      """;

  static final String FREE_KEY =
      """
      UPDATE client_mutex SET holder_run = NULL, next_admit_at =
        (SELECT MIN(admit_at) FROM run WHERE admit_key = :key AND state = {READY})
      WHERE admit_key = :key
      """;

  static final String DELETE_KEY = "DELETE FROM client_mutex WHERE admit_key = :key";

  private static final Statements REFRESH = Statements.of(REFRESH_KEY);
  private static final Statements REFRESH_ALL = Statements.of(REFRESH_KEYS);
  private static final Statements DELETE = Statements.of(DELETE_KEY);
  private static final Statements STORE = Statements.of(Rows.UPDATE_RUN, REFRESH_KEY);
  private static final Statements STORE_LAST = Statements.of(Rows.UPDATE_RUN, DELETE_KEY);

  private static final Statements STORE_END =
      Statements.of(Rows.UPDATE_ATTEMPT, Rows.UPDATE_RUN, FREE_KEY);

  private static final Statements STORE_END_NOT_HELD =
      Statements.of(Rows.UPDATE_ATTEMPT, Rows.UPDATE_RUN, REFRESH_KEY);

  private static final Statements STORE_LAST_END =
      Statements.of(Rows.UPDATE_ATTEMPT, Rows.UPDATE_RUN, DELETE_KEY);

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
        RUN,
        q -> q.bind("id", key.id()),
        (h, found) -> locked(h, found).map(change).orElseGet(() -> Outcome.unchanged(absent)));
  }

  /** Takes the results of {@link #RUN}; empty if there is no such run. */
  private static Optional<Locked> locked(Handle h, Results found) {
    Optional<Mutex> mutex = found.first(Locks::mutex);
    Optional<Run> run = found.first(Rows::run);
    run.ifPresent(r -> requireKey(h, mutex, r));
    return run.map(r -> new Locked(h, r, found.first(Locks::time).orElseThrow()));
  }

  /**
   * The key is found before the run is locked. The end of a PLAN or CHECK attempt changes it; then
   * the new one is locked out of order, and a deadlock repeats the transaction.
   */
  static void requireKey(Handle h, Optional<Mutex> locked, Run run) {
    boolean isLocked = locked.filter(m -> m.key().equals(run.admitKey())).isPresent();
    if (!isLocked && !run.state().isFinal()) {
      Locks.mutex(h, run.admitKey());
    }
  }

  /** Changes a run, but none of its attempts. */
  Optional<Run> updateRun(String what, RunKey run, Function<Locked, Optional<Run>> transition) {
    return update(what, run, Optional.empty(), l -> stored(l, transition.apply(l)));
  }

  /** The same for a change that may make the run READY, which its schedule may limit. */
  Optional<Run> updateUnderLimit(
      String what, RunKey run, Function<Locked, Optional<Run>> transition) {
    return updateUnderLimit(
        what,
        run,
        Optional.empty(),
        (l, limits) -> stored(l, transition.apply(l).map(next -> limits.changed(l.run(), next))));
  }

  /**
   * @param absent the answer when there is no such run
   */
  <T> T updateUnderLimit(
      String what, RunKey key, T absent, BiFunction<Locked, LockedLimits, Outcome<T>> change) {
    return transactions.write(
        what + " of run " + key,
        RUN_UNDER_LIMIT,
        q -> q.bind("id", key.id()),
        (h, found) -> {
          LockedLimits limits = LockedLimits.of(found);
          return locked(h, found)
              .map(l -> change.apply(l, limits))
              .orElseGet(() -> Outcome.unchanged(absent));
        });
  }

  private static Outcome<Optional<Run>> stored(Locked l, Optional<Run> next) {
    if (next.isEmpty()) {
      return Outcome.unchanged(Optional.empty());
    }
    store(l.h(), next.get());
    return Outcome.changed(next, wrote(next.get()));
  }

  /**
   * The end of an attempt: the only key that it locks and frees is the one that the attempt holds.
   */
  Optional<RunAndAttempt> end(
      String what, AttemptRef ref, Function<LockedEnd, Optional<RunAndAttempt>> transition) {
    return transactions.write(
        what + " of run " + ref.run(),
        END,
        q -> q.bind("id", ref.run().id()).bind("number", ref.number()),
        (h, found) -> {
          Optional<Mutex> mutex = found.first(Locks::mutex);
          Optional<Run> run = found.first(Rows::run);
          Optional<LockedAttempt> attempt = Locks.attempt(found, ref);
          if (run.isEmpty() || attempt.isEmpty()) {
            return Outcome.unchanged(Optional.empty());
          }
          Optional<RunAndAttempt> ended =
              transition.apply(
                  new LockedEnd(h, run.get(), attempt.get().attempt(), attempt.get().now()));
          if (ended.isEmpty()) {
            return Outcome.unchanged(Optional.empty());
          }
          storeEnd(h, mutex, ended.get());
          return Outcome.changed(ended, wrote(ended.get().attempt()));
        });
  }

  /** Writes a run after a change that ends no attempt. */
  static void store(Handle h, Run next) {
    boolean last = next.state().isFinal() && next.admitKey().isOfRun();
    (last ? STORE_LAST : STORE)
        .run(h, q -> Rows.bind(q, "r_", next).bind("key", next.admitKey().value()));
    if (!last) {
      deleteKeyOfRun(h, next);
    }
  }

  /** Writes several runs after changes that end no attempt, when their keys are locked. */
  static void storeAll(Handle h, List<Run> runs) {
    List<String> prefixes = NewRuns.prefixes("r", runs.size());
    Statements.of(prefixes.stream().map(Rows::updateRun).toArray(String[]::new))
        .run(
            h,
            q -> {
              for (int i = 0; i < runs.size(); i++) {
                Rows.bind(q, prefixes.get(i), runs.get(i));
              }
            });
    REFRESH_ALL.run(
        h,
        q -> q.bindList("keys", runs.stream().map(r -> r.admitKey().value()).distinct().toList()));
    for (Run run : runs) {
      deleteKeyOfRun(h, run);
    }
  }

  /** Writes the end of an attempt and its run, and frees the key if this attempt holds it. */
  private void storeEnd(Handle h, Optional<Mutex> mutex, RunAndAttempt ended) {
    Run next = ended.run();
    Attempt attempt = ended.attempt();
    AdmitKey key = attempt.admitKey();
    boolean held = mutex.filter(m -> m.isHeldBy(attempt.ref())).isPresent();
    if (!held) {
      invariants.broken(
          "I4", key, "attempt %s ended without holding the key".formatted(attempt.jobName()));
    }
    boolean last = next.state().isFinal() && key.isOfRun();
    (last ? STORE_LAST_END : held ? STORE_END : STORE_END_NOT_HELD)
        .run(h, q -> Rows.bind(Rows.bind(q, "r_", next), attempt).bind("key", key.value()));
    if (!last) {
      deleteKeyOfRun(h, next);
    }
  }

  /**
   * Deletes the key for this run only with the run's last commit. A run that holds the mutex of its
   * client has such a key only if it had a PLAN or CHECK attempt, which does not count.
   */
  static void deleteKeyOfRun(Handle h, Run run) {
    boolean mayHaveOne =
        run.admitKey().isOfRun() || run.budget().claims() != run.budget().counted();
    if (run.state().isFinal() && mayHaveOne) {
      DELETE.run(h, q -> q.bind("key", AdmitKey.ofRun(run.key()).value()));
    }
  }

  static void refresh(Handle h, AdmitKey key) {
    REFRESH.run(h, q -> q.bind("key", key.value()));
  }

  /** A commit that wrote this row happened, if the row is still the same. */
  static CommitCheck wrote(Run run) {
    return h -> Locks.run(h, run.key()).filter(run::equals).isPresent();
  }

  /** The same for the runs of a batch, which is committed as a whole or not. */
  static CommitCheck wroteAny(List<Run> runs) {
    return h -> runs.stream().anyMatch(run -> wrote(run).sees(h));
  }

  /**
   * Attempts change in one direction only: an equal row is from this commit, or has the same
   * content.
   */
  static CommitCheck wrote(Attempt attempt) {
    return h -> Locks.attempt(h, attempt.ref()).filter(attempt::equals).isPresent();
  }
}
