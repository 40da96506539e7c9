/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import java.time.Duration;

/**
 * The times of the launch protocol.
 *
 * @param claimTtl a claim without a pod for so long is looked into
 * @param nodeLossHold how long the mutex is kept after a pod was lost with its node
 * @param deletionMargin beyond the grace period, until a deleted pod on a healthy node counts as
 *     gone
 */
public record Limits(Duration claimTtl, Duration nodeLossHold, Duration deletionMargin) {

  public static final Limits DEFAULT =
      new Limits(Duration.ofSeconds(60), Duration.ofSeconds(600), Duration.ofSeconds(30));

  public Limits withNodeLossHold(Duration hold) {
    return new Limits(claimTtl, hold, deletionMargin);
  }
}
