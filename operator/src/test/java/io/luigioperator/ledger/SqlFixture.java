/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import io.micrometer.core.instrument.MeterRegistry;
import java.util.Random;

/** What the tests of the real ledger may use beyond its interface. */
interface SqlFixture extends LedgerFixture {

  Sql sql();

  SqlServer server();

  /** Counts of the ledger under test since the test began. */
  MeterRegistry metrics();

  /** Another operator's ledger on the same tables, or the same one by another way. */
  default MySqlLedger open(LedgerConfig config, MeterRegistry metrics) {
    return MySqlLedger.open(config, AGEING, new Random(1), Thread::sleep, metrics);
  }

  default double brokenInvariants(MeterRegistry metrics) {
    return metrics.find("luigi.operator.ledger.invariants.broken").counters().stream()
        .mapToDouble(c -> c.count())
        .sum();
  }
}
