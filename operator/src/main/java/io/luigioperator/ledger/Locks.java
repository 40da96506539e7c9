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
import java.time.Instant;
import java.util.Optional;
import org.jdbi.v3.core.Handle;

/**
 * Takes rows under lock. The order is meta, client_mutex, run, attempt, always by primary key:
 * locking a head through a secondary index deadlocks against a cancel by primary key.
 */
final class Locks {

  /**
   * A key under lock.
   *
   * @param holder id of the run with the live attempt
   */
  record Mutex(AdmitKey key, Optional<String> holder, long fence) {}

  /** A run under lock, and database time once the lock was there. */
  record LockedRun(Run run, Instant now) {}

  /** An attempt under lock, and database time once the lock was there. */
  record LockedAttempt(Attempt attempt, Instant now) {}

  private Locks() {}

  /** Held until the end, so that a barrier goes up only when no change is under way. */
  static void barrier(Handle h) {
    int barrier =
        h.createQuery("SELECT barrier FROM meta WHERE id = 1 LOCK IN SHARE MODE")
            .mapTo(Integer.class)
            .one();
    if (barrier != 0) {
      throw new LedgerUnavailable(
          "the barrier of the ledger is up: the database may have gone back in time, and nothing is changed until every cluster has written its live attempts back");
    }
  }

  /** Empty: the key went with its run, or never was. */
  static Optional<Mutex> mutex(Handle h, AdmitKey key) {
    return h.createQuery(
            "SELECT holder_run, fence FROM client_mutex WHERE admit_key = :key FOR UPDATE")
        .bind("key", key.value())
        .map(
            (rs, ctx) ->
                new Mutex(
                    key, Optional.ofNullable(rs.getString("holder_run")), rs.getLong("fence")))
        .findOne();
  }

  /** Inserts the row of a key unless it is there; either way the row is locked. */
  static void newMutex(Handle h, AdmitKey key) {
    h.createUpdate(
            """
            INSERT INTO client_mutex (admit_key) VALUES (:key)
            ON DUPLICATE KEY UPDATE admit_key = admit_key
            """)
        .bind("key", key.value())
        .execute();
  }

  static Optional<LockedRun> run(Handle h, RunKey key) {
    return run(h, key.id());
  }

  static Optional<LockedRun> run(Handle h, String runId) {
    return h.createQuery(
            "SELECT "
                + Rows.RUN_COLUMNS
                + ", UTC_TIMESTAMP(6) AS db_now FROM run r WHERE r.run_id = :id FOR UPDATE")
        .bind("id", runId)
        .map((rs, ctx) -> new LockedRun(Rows.run(rs), Rows.time(rs, "db_now").orElseThrow()))
        .findOne();
  }

  /** The fence is part of the guard: an attempt of that number and another fence is another one. */
  static Optional<LockedAttempt> attempt(Handle h, AttemptRef ref) {
    return h.createQuery(
            // no join: it would lock the run's row as well, and out of order
            "SELECT :namespace AS namespace, :name AS name, "
                + Rows.ATTEMPT_COLUMNS
                + ", UTC_TIMESTAMP(6) AS db_now"
                + " FROM attempt a WHERE a.run_id = :id AND a.number = :number FOR UPDATE")
        .bind("namespace", ref.run().namespace())
        .bind("name", ref.run().name())
        .bind("id", ref.run().id())
        .bind("number", ref.number())
        .map(
            (rs, ctx) -> new LockedAttempt(Rows.attempt(rs), Rows.time(rs, "db_now").orElseThrow()))
        .findOne()
        .filter(locked -> locked.attempt().ref().equals(ref));
  }
}
