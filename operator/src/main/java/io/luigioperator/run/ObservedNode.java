/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import java.time.Instant;

/**
 * A node, by a live read.
 *
 * @param since when its Ready condition last changed; a kubelet that has just come back may still
 *     be stopping pods that were deleted while it was away
 */
public record ObservedNode(Health health, Instant since) {

  /** What the API server knows about it. */
  public enum Health {
    READY,
    /** NotReady or Unknown. */
    NOT_READY,
    /** Tainted out-of-service: a person vouches that nothing runs there any more. */
    OUT_OF_SERVICE,
    GONE
  }

  /** No such node. */
  public static ObservedNode gone() {
    return new ObservedNode(Health.GONE, Instant.EPOCH);
  }

  boolean is(Health h) {
    return health == h;
  }
}
