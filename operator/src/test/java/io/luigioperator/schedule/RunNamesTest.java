/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.schedule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RunNamesTest {

  private record Parts(String schedule, String client, String date, String backfill) {
    String name() {
      return RunNames.of(schedule, client, date, backfill);
    }
  }

  @ParameterizedTest
  @CsvSource(
      textBlock =
          """
          nightly, acme, 2013-01-15, '', nightly-acme-2013-01-15
          nightly, acme, 2013-01, '', nightly-acme-2013-01
          flights-monthly, acme, 2013-01-15T02, '', flights-monthly-acme-2013-01-15t02
          flights, 9e, 2013-01-15T0230, '', flights-9e-2013-01-15t0230
          nightly, acme, 2013-01-15, q3, nightly-acme-2013-01-15-q3
          a-b, c, 2013-01-15, '', a-b-c-2013-01-15
          """)
  void isPlainWhereThatIsUnique(
      String schedule, String client, String date, String backfill, String name) {
    assertThat(RunNames.of(schedule, client, date, backfill)).isEqualTo(name);
  }

  /** A change of these names would run dates again that have a run. */
  @ParameterizedTest
  @CsvSource(
      textBlock =
          """
          a, b-c, 2013-01-15, '', a-b-c-2013-01-15-xszwq5
          nightly, ACME, 2013-01-15, '', nightly-acme-2013-01-15-viuayk
          nightly, acme_1, 2013-01-15, '', nightly-acme-1-2013-01-15-dcnxra
          nightly, acme.1, 2013-01-15, '', nightly-acme-1-2013-01-15-lurmbr
          nightly, acme, 2013-01, 15, nightly-acme-2013-01-15-ltch72
          nightly, acme, 2013-01-15, fix-q3, nightly-acme-2013-01-15-fix-q3-4djqnl
          nightly, acme, 2013-01-15, second, nightly-acme-2013-01-15-second-buc5ao
          nightly, acme, 2013-01-15, a-backfill-with-a-long-name, nightly-acme-2013-01-15-a-backfill-be2lkg
          a-schedule-with-a-rather-long-name-of-40c, acme, 2013-01-15, '', a-schedule-with-a-rather-long-name-2013-01-15-xsfnmd
          """)
  void endsWithAHashOtherwise(
      String schedule, String client, String date, String backfill, String name) {
    assertThat(RunNames.of(schedule, client, date, backfill)).isEqualTo(name);
  }

  @Test
  void aLongerHashGivesAnotherName() {
    assertThat(RunNames.of("nightly", "acme", "2013-01-15", 10))
        .isEqualTo("nightly-acme-2013-01-15-hirwbxupgc");
    assertThat(RunNames.of("nightly", "acme", "2013-01-15", "q3", 16))
        .isEqualTo("nightly-acme-2013-01-15-q3-bv3jirwp7wa6hmle");
    assertThatThrownBy(() -> RunNames.of("nightly", "acme", "2013-01-15", 7))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> RunNames.of("nightly", "acme", "2013-01-15", 21))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> RunNames.of("nightly", "acme", "15.01.2013"))
        .isInstanceOf(IllegalArgumentException.class);
  }

  private static final List<String> DATES =
      List.of("2013-01", "2013-12", "2013-01-15", "2013-01-01", "2013-01-15T02", "2013-01-15T0230");

  /** Few characters, and pieces that look like dates and hashes, so that names come close. */
  private static final List<String> PIECES =
      List.of(
          "a",
          "b",
          "c",
          "A",
          "B",
          "-",
          "-",
          "-",
          "_",
          ".",
          "1",
          "2013",
          "01",
          "15",
          "2013-01",
          "15t02",
          "15T02",
          "abcdef",
          "a-2013-01-15",
          "long-long-long-long");

  private static final Pattern LABEL = Pattern.compile("[a-z0-9]([-a-z0-9]{0,50}[a-z0-9])?");
  private static final Pattern WITH_HASH = Pattern.compile(".*-[a-z2-7]{6}");

  private static String id(Random random, int pieces, String allowed) {
    StringBuilder id = new StringBuilder();
    for (int i = random.nextInt(pieces); i >= 0; i--) {
      id.append(PIECES.get(random.nextInt(PIECES.size())));
    }
    String text = id.toString().replaceAll("[^" + allowed + "]", "");
    String trimmed = text.replaceAll("^[-_.]+|[-_.]+$", "");
    return trimmed.isEmpty() ? "a" : trimmed;
  }

  private static String cut(String text, int length) {
    String shorter = text.substring(0, Math.min(text.length(), length));
    return shorter.replaceAll("[-_.]+$", "");
  }

  @Test
  void differentRunsHaveDifferentNames() {
    Random random = new Random(1);
    Map<String, Parts> names = new HashMap<>();
    int hashed = 0;
    for (int i = 0; i < 200_000; i++) {
      Parts parts =
          new Parts(
              cut(id(random, 3, "-a-z0-9"), 40),
              cut(id(random, 3, "-._A-Za-z0-9"), 63),
              DATES.get(random.nextInt(DATES.size())),
              random.nextBoolean() ? "" : cut(id(random, 2, "-a-z0-9"), 63));
      String name = parts.name();
      if (!LABEL.matcher(name).matches()) {
        throw new AssertionError("no DNS label of at most 52 characters: " + name);
      }
      Parts other = names.putIfAbsent(name, parts);
      if (other == null && WITH_HASH.matcher(name).matches()) {
        hashed++;
      }
      if (other != null && !other.equals(parts)) {
        throw new AssertionError("%s is the name of %s and of %s".formatted(name, other, parts));
      }
    }
    System.out.printf("run names: %,d different, %,d of them with a hash%n", names.size(), hashed);
    assertThat(hashed).isBetween(names.size() / 2, names.size() * 99 / 100);
  }
}
