/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import java.time.Duration;

/**
 * The time limits of the launch protocol.
 *
 * @param claimTtl how long a claim may have no pod before the operator finds out why
 * @param podTtl how long a claim may have a Job without a pod before it is abandoned
 * @param nodeLossHold how long the key is kept when a pod is lost with its node
 * @param deletionMargin how long after its grace period a missing pod on a Ready node counts as
 *     ended
 */
public record Limits(
    Duration claimTtl, Duration podTtl, Duration nodeLossHold, Duration deletionMargin) {

  public static final Limits DEFAULT =
      new Limits(
          Duration.ofSeconds(60),
          Duration.ofSeconds(300),
          Duration.ofSeconds(600),
          Duration.ofSeconds(30));

  public Limits withNodeLossHold(Duration hold) {
    return new Limits(claimTtl, podTtl, hold, deletionMargin);
  }
}
