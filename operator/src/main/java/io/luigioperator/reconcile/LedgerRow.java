/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.luigioperator.ledger.LedgerQueries.RunRecord;
import java.time.Instant;
import java.util.Optional;

/**
 * What the ledger knew about a run at one moment.
 *
 * @param record empty if it did not know the run
 * @param databaseTime of that moment
 * @param nanoTime of that moment, of this process
 */
record LedgerRow(Optional<RunRecord> record, Instant databaseTime, long nanoTime) {

  /** After a change that this process made; the database's clock has gone on meanwhile. */
  LedgerRow changed(RunRecord next, long now) {
    return new LedgerRow(Optional.of(next), timeAt(now), now);
  }

  /**
   * Database time, as far as it follows from the time that has passed here since. Good enough to
   * decide when to act; what depends on the exact time reads it again.
   */
  Instant timeAt(long now) {
    return databaseTime.plusNanos(Math.max(0, now - nanoTime));
  }
}
