/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.schedule;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class JitterTest {

  /** A change of these numbers moves the start of every client of every schedule. */
  @Test
  void neverChanges() {
    assertThat(Jitter.seconds("etl", "nightly", "acme", 900)).isEqualTo(898);
    assertThat(Jitter.seconds("etl", "nightly", "globex", 900)).isEqualTo(490);
    assertThat(Jitter.seconds("etl", "hourly", "acme", 900)).isEqualTo(491);
    assertThat(Jitter.seconds("test", "nightly", "acme", 900)).isEqualTo(482);
    assertThat(Jitter.seconds("etl", "nightly", "acme", 3600)).isEqualTo(3593);
  }

  @Test
  void isZeroWithoutJitter() {
    assertThat(Jitter.seconds("etl", "nightly", "acme", 0)).isZero();
    assertThat(Jitter.seconds("etl", "nightly", "acme", 1)).isZero();
  }

  @Test
  void isUniform() {
    int[] clients = new int[10];
    int minimum = Integer.MAX_VALUE;
    int maximum = 0;
    for (int i = 0; i < 100_000; i++) {
      int seconds = Jitter.seconds("etl", "nightly", "client-" + i, 1000);
      minimum = Math.min(minimum, seconds);
      maximum = Math.max(maximum, seconds);
      clients[seconds / 100]++;
    }
    assertThat(minimum).isZero();
    assertThat(maximum).isEqualTo(999);
    // 10,000 each; 300 are more than three standard deviations of 95
    assertThat(IntStream.of(clients)).allMatch(n -> n > 9_700 && n < 10_300);
  }
}
