/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ops;

import io.luigioperator.ledger.Ledger;
import io.luigioperator.ledger.LedgerUnavailable;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.LongSupplier;

/** Whether the ledger can be reached, asked at most every ten seconds however often one wonders. */
public final class Reach {
  private static final Duration FRESH = Duration.ofSeconds(10);

  private final Ledger ledger;
  private final LongSupplier nanoTime;
  private OptionalLong reachedAt = OptionalLong.empty();

  public Reach(Ledger ledger, LongSupplier nanoTime) {
    this.ledger = ledger;
    this.nanoTime = nanoTime;
  }

  /** Why it cannot; empty when it can, or could a moment ago. */
  public synchronized Optional<String> problem() {
    long now = nanoTime.getAsLong();
    if (reachedAt.isPresent() && now - reachedAt.getAsLong() < FRESH.toNanos()) {
      return Optional.empty();
    }
    try {
      ledger.now();
      reachedAt = OptionalLong.of(now);
      return Optional.empty();
    } catch (LedgerUnavailable e) {
      reachedAt = OptionalLong.empty();
      return Optional.of(String.valueOf(e.getMessage()));
    }
  }
}
