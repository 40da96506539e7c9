/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.admission;

/**
 * How many attempts this cluster has slots for.
 *
 * @param maxRunning configured slots
 */
public record Capacity(int maxRunning) {

  /**
   * @param occupied attempts of this cluster whose pod is not seen terminal
   */
  public int free(int occupied) {
    return Math.max(0, maxRunning - occupied);
  }
}
