/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import io.luigioperator.run.AdmitKey;
import io.micrometer.core.instrument.MeterRegistry;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Says that something has been seen that must never happen, and that nothing was done about it. */
final class Invariants {

  private static final Logger LOG = LoggerFactory.getLogger(Invariants.class);

  private final MeterRegistry metrics;

  Invariants(MeterRegistry metrics) {
    this.metrics = metrics;
  }

  /**
   * @param invariant its number in the design: I1 one live attempt per key, I4 holder and live
   *     attempt belong together
   */
  void broken(String invariant, AdmitKey key, String words) {
    metrics.counter("luigi.operator.ledger.invariants.broken", "invariant", invariant).increment();
    LOG.atError()
        .addKeyValue("invariant", invariant)
        .addKeyValue("key", key.value())
        .addKeyValue("words", words)
        .log("an invariant of the ledger does not hold");
  }
}
