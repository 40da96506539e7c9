/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.admission;

/**
 * The slots of this cluster.
 *
 * @param maxRunning the configured number of slots
 */
public record Capacity(int maxRunning) {

  /**
   * The number of free slots.
   *
   * @param occupied live attempts of this cluster whose pod was not observed terminal
   */
  public int free(int occupied) {
    return Math.max(0, maxRunning - occupied);
  }
}
