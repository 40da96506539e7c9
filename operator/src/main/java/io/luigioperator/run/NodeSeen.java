/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

/** A node, by a live read. */
public enum NodeSeen {
  READY,
  /** NotReady or Unknown. */
  NOT_READY,
  /** Tainted out-of-service: a person vouches that nothing runs there any more. */
  OUT_OF_SERVICE,
  GONE
}
