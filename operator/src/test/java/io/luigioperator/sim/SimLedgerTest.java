/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.sim;

import io.luigioperator.ledger.Ledger;
import io.luigioperator.ledger.LedgerContract;
import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.BeforeEach;

/** The simulated ledger passes the same contract as the real ones. */
class SimLedgerTest extends LedgerContract {

  private Instant now = Instant.parse("2026-01-31T12:00:00Z");
  private Ledger ledger = new SimLedger(this::tick, AGEING);

  @BeforeEach
  void empty() {
    ledger = new SimLedger(this::tick, AGEING);
  }

  /** As a database clock, it is later at every call. */
  private Instant tick() {
    now = now.plusNanos(1000);
    return now;
  }

  @Override
  public Ledger ledger() {
    return ledger;
  }

  @Override
  public void pass(Duration duration) {
    now = now.plus(duration);
  }
}
