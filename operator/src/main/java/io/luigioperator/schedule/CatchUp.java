/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.schedule;

import io.luigioperator.api.CatchUpPolicy;

/**
 * Which missed business dates run.
 *
 * @param maxRuns most dates that run with policy All, at least 1
 * @param windowSeconds older ticks are dropped
 */
public record CatchUp(CatchUpPolicy policy, int maxRuns, long windowSeconds) {

  /** How many dates run at most. */
  int allowance() {
    return switch (policy) {
      case None -> 0;
      case Latest -> 1;
      case All -> maxRuns;
    };
  }
}
