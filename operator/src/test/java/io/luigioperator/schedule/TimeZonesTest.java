/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.schedule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.DataInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.ZoneId;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TimeZonesTest {

  /** The file that a tool of the JDK's vendor replaces to update the zones. */
  @Test
  void theVersionIsThatOfTheFile() throws IOException {
    Path file = Path.of(System.getProperty("java.home"), "lib", "tzdb.dat");
    try (DataInputStream in = new DataInputStream(Files.newInputStream(file))) {
      assertThat(in.readByte()).isEqualTo((byte) 1);
      assertThat(in.readUTF()).isEqualTo("TZDB");
      assertThat(in.readShort()).isEqualTo((short) 1);
      assertThat(TimeZones.version()).isEqualTo(in.readUTF()).matches("20[0-9]{2}[a-z]+");
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "UTC",
        "Etc/UTC",
        "Etc/GMT+2",
        "Europe/Berlin",
        "America/Argentina/Buenos_Aires",
        "US/Pacific",
        "Australia/Lord_Howe"
      })
  void accepts(String id) {
    assertThat(TimeZones.parse(id)).isEqualTo(ZoneId.of(id));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          ''            | An empty time zone is unknown in tz database
          Local         | Time zone "Local" depends on the machine; use a region such as Europe/Berlin, or UTC.
          Europe/Bonn   | Time zone "Europe/Bonn" is unknown in tz database
          europe/berlin | Time zone "europe/berlin" is unknown; upper and lower case matter: use Europe/Berlin.
          utc           | use UTC.
          GMT+2         | Time zone "GMT+2" is a fixed offset; use a region such as Europe/Berlin, or Etc/GMT-2 for two hours east of UTC.
          UTC-05:00     | is a fixed offset
          +02:00        | is a fixed offset
          +2            | is a fixed offset
          Z             | is a fixed offset
          EST           | Time zone "EST" is unknown in tz database
          CET           | Time zone "CET" is a legacy name
          EST5EDT       | Time zone "EST5EDT" is a legacy name
          Japan         | Time zone "Japan" is a legacy name
          GMT           | Time zone "GMT" is a legacy name
          SystemV/AST4  | Time zone "SystemV/AST4" is a legacy name
          'Europe/Berlin ' | is unknown in tz database
          100%s         | Time zone "100%s" is unknown in tz database
          """)
  void refuses(String id, String message) {
    assertThatThrownBy(() -> TimeZones.parse(id))
        .isInstanceOf(InvalidScheduleException.class)
        .hasMessageContaining(message)
        .message()
        .endsWith(".");
  }
}
