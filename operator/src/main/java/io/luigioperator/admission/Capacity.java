/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.admission;

/**
 * How many attempts this cluster has room for: the configured slots, or none while the scheduler
 * shows that it cannot place what is there already.
 *
 * @param maxRunning configured slots
 */
public record Capacity(int maxRunning) {

  /**
   * @param occupied attempts of this cluster whose pod is not seen terminal
   * @param crowded a pod of ours waits for a node, and has for a while
   */
  public int free(int occupied, Crowding crowded) {
    return switch (crowded) {
      case ROOMY -> Math.max(0, maxRunning - occupied);
      case CROWDED -> 0;
    };
  }

  /** What the scheduler shows. */
  public enum Crowding {
    ROOMY,
    /** A pod of ours has been unschedulable for more than 30 s and less than 5 min. */
    CROWDED
  }
}
