/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.schedule;

import io.luigioperator.run.Sha256;

/** Distributes the starts of clients whose ticks are due at the same time. */
public final class Jitter {

  private Jitter() {}

  /**
   * By how many seconds a client starts after its nominal time: 0 or more, less than {@code
   * jitterSeconds}, uniformly distributed over clients. Always the same for the same arguments: the
   * first 64 bits of the SHA-256 of {@code namespace/schedule/client}, scaled to the range.
   *
   * @param jitterSeconds 0 for none
   */
  public static int seconds(String namespace, String schedule, String client, int jitterSeconds) {
    String hash = Sha256.hex(namespace + "/" + schedule + "/" + client);
    long bits = Long.parseUnsignedLong(hash, 0, 16, 16);
    return (int) Math.unsignedMultiplyHigh(bits, jitterSeconds);
  }
}
