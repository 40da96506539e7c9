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
 * Whether the ledger can be reached. The result is cached for some seconds, and only one caller at
 * a time asks the database: the others get the cached result, so that a database that does not
 * respond blocks only one of them. Thread-safe.
 */
public final class LedgerHealthCheck {
  private static final Duration SUCCESS_TTL = Duration.ofSeconds(10);

  /** Shorter, so that a recovery is noticed soon. */
  private static final Duration FAILURE_TTL = Duration.ofSeconds(3);

  /**
   * @param error empty if the ledger could be reached
   */
  private record Result(Optional<String> error, long at) {}

  private final LedgerQueries ledger;
  private final LongSupplier nanoTime;
  private final ReentrantLock lock = new ReentrantLock();
  private volatile Optional<Result> cached = Optional.empty();

  public LedgerHealthCheck(LedgerQueries ledger, LongSupplier nanoTime) {
    this.ledger = ledger;
    this.nanoTime = nanoTime;
  }

  /** Why the ledger cannot be reached; empty if it can, or could some seconds ago. */
  public Optional<String> error() {
    if (!isFresh() && lock.tryLock()) {
      try {
        Optional<String> error = query();
        cached = Optional.of(new Result(error, nanoTime.getAsLong()));
      } finally {
        lock.unlock();
      }
    }
    return cached.map(Result::error).orElse(Optional.of("not checked yet"));
  }

  private boolean isFresh() {
    return cached
        .filter(
            r ->
                nanoTime.getAsLong() - r.at()
                    < (r.error().isEmpty() ? SUCCESS_TTL : FAILURE_TTL).toNanos())
        .isPresent();
  }

  private Optional<String> query() {
    try {
      ledger.now();
      return Optional.empty();
    } catch (LedgerUnavailable e) {
      return Optional.of(String.valueOf(e.getMessage()));
    }
  }
}
