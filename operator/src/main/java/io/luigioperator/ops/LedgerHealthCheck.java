/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ops;

import io.luigioperator.ledger.LedgerQueries;
import io.luigioperator.ledger.LedgerUnavailable;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongSupplier;

/**
 * Whether the ledger can be reached, asked at most every few seconds however often one wonders, and
 * by one caller at a time: the others are told what is known, so that a database that does not
 * answer holds up nobody else.
 */
public final class LedgerHealthCheck {
  private static final Duration FRESH = Duration.ofSeconds(10);

  /** Sooner than a success, so that a recovery is seen soon. */
  private static final Duration FRESH_FAILURE = Duration.ofSeconds(3);

  /** An answer, or that there was none. */
  private record Known(Optional<String> problem, long at) {}

  private final LedgerQueries ledger;
  private final LongSupplier nanoTime;
  private final ReentrantLock asking = new ReentrantLock();
  private volatile Optional<Known> known = Optional.empty();

  public LedgerHealthCheck(LedgerQueries ledger, LongSupplier nanoTime) {
    this.ledger = ledger;
    this.nanoTime = nanoTime;
  }

  /** Why it cannot; empty when it can, or could a moment ago. */
  public Optional<String> problem() {
    if (!isFresh() && asking.tryLock()) {
      try {
        Optional<String> problem = ask();
        known = Optional.of(new Known(problem, nanoTime.getAsLong()));
      } finally {
        asking.unlock();
      }
    }
    return known.map(Known::problem).orElse(Optional.of("not asked yet"));
  }

  private boolean isFresh() {
    return known
        .filter(
            k ->
                nanoTime.getAsLong() - k.at()
                    < (k.problem().isEmpty() ? FRESH : FRESH_FAILURE).toNanos())
        .isPresent();
  }

  private Optional<String> ask() {
    try {
      ledger.now();
      return Optional.empty();
    } catch (LedgerUnavailable e) {
      return Optional.of(String.valueOf(e.getMessage()));
    }
  }
}
