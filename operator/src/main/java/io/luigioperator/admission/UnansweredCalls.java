/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.admission;

import java.util.Optional;

/**
 * Distinguishes a single lost answer, which concerns one run, from a store that is unavailable. If
 * two runs in a row get no answer, the pass over many runs ends, so that not each of the others
 * waits for a timeout. Not thread-safe.
 */
public final class UnansweredCalls {
  private static final int MAX = 2;

  private int inARow;

  /**
   * Records the outcome of the next run.
   *
   * @param failure present if a store did not answer
   * @throws RuntimeException {@code failure}, if it is the second in a row
   */
  public void next(Optional<RuntimeException> failure) {
    inARow = failure.isPresent() ? inARow + 1 : 0;
    if (inARow == MAX) {
      throw failure.orElseThrow();
    }
  }
}
