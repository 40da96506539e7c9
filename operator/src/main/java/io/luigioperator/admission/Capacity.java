/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.admission;

import java.util.Collection;
import java.util.OptionalInt;

/**
 * The slots of this cluster.
 *
 * @param maxRunning the number of slots
 * @param maxRunningPerNamespace how many of them the runs of one namespace may fill; empty: all
 */
public record Capacity(int maxRunning, OptionalInt maxRunningPerNamespace) {

  /** Without a limit for a namespace. */
  public Capacity(int maxRunning) {
    this(maxRunning, OptionalInt.empty());
  }

  /**
   * The slots that are free.
   *
   * @param occupied the namespace of each live attempt of this cluster whose pod was not observed
   *     terminal
   */
  Slots free(Collection<String> occupied) {
    return new Slots(this, occupied);
  }
}
