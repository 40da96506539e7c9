/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.luigioperator.ledger.LedgerQueries.RunRecord;
import java.time.Instant;
import java.util.Optional;

/**
 * The row of a run as it was read or written at one time.
 *
 * @param record empty if the ledger has no row for the run
 * @param databaseTime that time by the clock of the database
 * @param nanoTime that time by the monotonic clock of this process
 */
record LedgerRow(Optional<RunRecord> record, Instant databaseTime, long nanoTime) {

  /** The row after a change that this process made at {@code now}. */
  LedgerRow changed(RunRecord next, long now) {
    return new LedgerRow(Optional.of(next), timeAt(now), now);
  }

  /**
   * Estimated database time: the last read value plus the time that passed in this process. It is
   * exact enough to decide when to act; every transaction reads the time again.
   */
  Instant timeAt(long now) {
    return databaseTime.plusNanos(Math.max(0, now - nanoTime));
  }
}
