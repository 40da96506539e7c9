/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class InstantsTest {

  private static final Instant LAST = Instant.parse("9999-12-31T23:59:59.999999Z");

  /** Later ones cannot be added to, or stored. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "+1000000000-12-31T23:59:59.999999999Z",
        "-1000000000-01-01T00:00:00Z",
        "+10000-01-01T00:00:00Z",
        "1969-12-31T23:59:59Z",
        "tomorrow",
        ""
      })
  void otherTimesThanThoseOfKubernetesCountAsAbsent(String time) {
    assertThat(Instants.parsed(time)).isEmpty();
  }

  @Test
  void timesOfKubernetesAreRead() {
    assertThat(Instants.parsed("2026-01-31T12:00:00Z"))
        .hasValue(Instant.ofEpochSecond(1_769_860_800));
    assertThat(Instants.parsed(null)).isEmpty();
  }

  /** The deadline of a run whose notBeforeTime is the last one that the API server accepts. */
  @Test
  void aSumIsATimeThatTheDatabaseCanStore() {
    assertThat(Instants.plusSeconds(LAST, OptionalLong.of(31_536_000))).hasValue(LAST);
    assertThat(Instants.plusSeconds(LAST.plusNanos(999), OptionalLong.of(1))).hasValue(LAST);
    assertThat(Instants.plusSeconds(Instant.EPOCH, OptionalLong.of(1)))
        .hasValue(Instant.EPOCH.plusSeconds(1));
    assertThat(Instants.plusSeconds(LAST, OptionalLong.empty())).isEmpty();
  }
}
