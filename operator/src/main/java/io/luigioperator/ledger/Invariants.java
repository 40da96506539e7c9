/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import io.micrometer.core.instrument.MeterRegistry;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Reports by log and metric that an invariant of the ledger does not hold. */
final class Invariants {

  private static final Logger LOG = LoggerFactory.getLogger(Invariants.class);

  private final MeterRegistry metrics;

  Invariants(MeterRegistry metrics) {
    this.metrics = metrics;
  }

  /**
   * @param invariant I1: a key has at most one live attempt; I2: an attempt starts at most once,
   *     because its pod belongs to no other attempt; I4: a key has a holder if and only if it has
   *     one live attempt; I6: a business date that has fired has one run; I12: each decided cron
   *     time is accounted for once; next_admit_at: the column is the least admit_at of the READY
   *     runs of its key
   * @param about the key, run or client for which it does not hold
   */
  void broken(String invariant, Object about, String problem) {
    metrics.counter("luigi.operator.ledger.invariants.broken", "invariant", invariant).increment();
    LOG.atError()
        .addKeyValue("invariant", invariant)
        .addKeyValue("about", about)
        .addKeyValue("error", problem)
        .log("an invariant of the ledger does not hold");
  }
}
