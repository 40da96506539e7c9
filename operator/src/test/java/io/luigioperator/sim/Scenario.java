/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.sim;

/** One execution of the simulation; the seed determines every step. */
interface Scenario {

  /** Runs it to its end; throws an AssertionError at the first violated invariant. */
  void run();

  FaultCounts counts();
}
