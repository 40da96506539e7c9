/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import io.luigioperator.run.AdmitKey;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.AttemptRef;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.Optional;
import org.jdbi.v3.core.Handle;

/**
 * Statements that lock rows. The order is meta, client_mutex, run, attempt, always by primary key:
 * locking a head through a secondary index deadlocks against a cancel by primary key.
 */
final class Locks {

  /**
   * A locked key.
   *
   * @param holder id of the run with the live attempt
   */
  record Mutex(AdmitKey key, Optional<String> holder, long fence) {

    boolean isHeldBy(AttemptRef attempt) {
      return holder.filter(attempt.run().id()::equals).isPresent() && fence == attempt.fence();
    }
  }

  /** A locked attempt, and database time after the locks before it were taken. */
  record LockedAttempt(Attempt attempt, Instant now) {}

  /** Held until the end, so that the barrier can be raised only while no transaction is open. */
  static final String BARRIER = "SELECT barrier FROM meta WHERE id = 1 LOCK IN SHARE MODE";

  /** No row: the key was deleted with its run, or never existed. */
  static final String MUTEX =
      "SELECT admit_key, holder_run, fence FROM client_mutex WHERE admit_key = :key FOR UPDATE";

  /** The key of the run's next or live attempt. The run itself is not locked by this. */
  static final String MUTEX_OF_RUN =
      """
      SELECT admit_key, holder_run, fence FROM client_mutex
      WHERE admit_key = (SELECT admit_key FROM run WHERE run_id = :id) FOR UPDATE
      """;

  /** The key that the attempt holds, which never changes. */
  static final String MUTEX_OF_ATTEMPT =
      """
      SELECT admit_key, holder_run, fence FROM client_mutex
      WHERE admit_key = (SELECT admit_key FROM attempt WHERE run_id = :id AND number = :number)
      FOR UPDATE
      """;

  /** In ascending order, whatever the order of the list. */
  static final String MUTEXES =
      """
      SELECT admit_key, holder_run, fence FROM client_mutex FORCE INDEX (PRIMARY)
      WHERE admit_key IN (<keys>) ORDER BY admit_key FOR UPDATE
      """;

  static final String RUN =
      "SELECT " + Rows.RUN_COLUMNS + " FROM run r WHERE r.run_id = :id FOR UPDATE";

  static final String RUNS =
      "SELECT "
          + Rows.RUN_COLUMNS
          + """
           FROM run r FORCE INDEX (PRIMARY)
          WHERE r.run_id IN (<ids>) ORDER BY r.run_id FOR UPDATE
          """;

  /** No join: it would lock the run's row as well, and out of order. */
  static final String ATTEMPT =
      "SELECT "
          + Rows.ATTEMPT_COLUMNS
          + """
          , UTC_TIMESTAMP(6) AS db_now
          FROM attempt a WHERE a.run_id = :id AND a.number = :number FOR UPDATE
          """;

  /**
   * A separate statement after the locks: as part of a locking statement it would return the time
   * at which that statement began to wait.
   */
  static final String TIME = "SELECT UTC_TIMESTAMP(6) AS db_now";

  private static final Statements ONLY_RUN = Statements.of(RUN);
  private static final Statements ONLY_ATTEMPT = Statements.of(ATTEMPT);
  private static final Statements ONLY_MUTEX = Statements.of(MUTEX);

  private Locks() {}

  /**
   * @param found the result of {@link #BARRIER}
   * @throws LedgerUnavailable if the barrier is raised
   */
  static void requireNoBarrier(Results found) {
    if (isBarrierRaised(found)) {
      throw barrierIsRaised();
    }
  }

  static boolean isBarrierRaised(Results found) {
    return found.first(row -> row.getInt("barrier")).orElseThrow() != 0;
  }

  static LedgerUnavailable barrierIsRaised() {
    return new LedgerUnavailable(
        "ledger unavailable: its barrier is raised (meta.barrier = 1), because the database may have"
            + " been restored from a backup; nothing is written until an administrator lowers it");
  }

  static Mutex mutex(ResultSet row) throws SQLException {
    return new Mutex(
        new AdmitKey(row.getString("admit_key")),
        Optional.ofNullable(row.getString("holder_run")),
        row.getLong("fence"));
  }

  static Instant time(ResultSet row) throws SQLException {
    return Rows.time(row, "db_now").orElseThrow();
  }

  /**
   * The result of {@link #ATTEMPT}. The fence is part of the guard: an attempt with the same number
   * but another fence is another attempt.
   */
  static Optional<LockedAttempt> attempt(Results found, AttemptRef ref) {
    return found
        .first(row -> new LockedAttempt(Rows.attempt(row, ref.run()), time(row)))
        .filter(locked -> locked.attempt().ref().equals(ref));
  }

  static Optional<Mutex> mutex(Handle h, AdmitKey key) {
    return ONLY_MUTEX.run(h, q -> q.bind("key", key.value()), found -> found.first(Locks::mutex));
  }

  static Optional<Run> run(Handle h, RunKey key) {
    return ONLY_RUN.run(h, q -> q.bind("id", key.id()), found -> found.first(Rows::run));
  }

  static Optional<Attempt> attempt(Handle h, AttemptRef ref) {
    return ONLY_ATTEMPT
        .run(
            h,
            q -> q.bind("id", ref.run().id()).bind("number", ref.number()),
            found -> attempt(found, ref))
        .map(LockedAttempt::attempt);
  }
}
