/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.sim;

/** What one seed tells: the same each time. */
interface Scenario {

  /** Plays it to its end; throws on the first violated invariant. */
  void play();

  FaultCounts tally();
}
