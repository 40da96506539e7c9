/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import java.time.Instant;

/**
 * A node, read from the API server.
 *
 * @param since when its Ready condition last changed; a kubelet that has just reconnected may still
 *     be stopping pods that were deleted meanwhile
 */
public record ObservedNode(Health health, Instant since) {

  /** Whether a pod on it may still run. */
  public enum Health {
    READY,
    /** NotReady or Unknown. */
    NOT_READY,
    /** Tainted out-of-service: a person has confirmed that nothing runs on it. */
    OUT_OF_SERVICE,
    GONE
  }

  /** A node that does not exist. */
  public static ObservedNode gone() {
    return new ObservedNode(Health.GONE, Instant.EPOCH);
  }

  boolean is(Health h) {
    return health == h;
  }
}
