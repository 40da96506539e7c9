/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.schedule;

import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.api.DateUnit;
import io.luigioperator.api.DstPolicy;
import java.time.Instant;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class PreviewTest {

  private static TickRules rules(String zone, DateUnit unit, int offset, String... crons) {
    return new TickRules(
        TimeZones.parse(zone),
        Stream.of(crons).map(CronExpression::parse).toList(),
        unit,
        offset,
        DstPolicy.RunOnce,
        null,
        null,
        false);
  }

  private static List<String> show(TickRules rules, String from, int count) {
    return Preview.of(rules, Instant.parse(from), count, 0).ticks().stream()
        .map(t -> "%s %s %s".formatted(t.local(), t.candidate().businessDate(), t.note()).strip())
        .toList();
  }

  @Test
  void aTickWhoseDateRanBeforeTheStartIsNotShown() {
    TickRules rules = rules("Europe/Berlin", DateUnit.Day, -1, "0 2,14 * * *");
    assertThat(show(rules, "2026-01-05T09:00:00Z", 1))
        .containsExactly(
            "2026-01-06T02:00+01:00 2026-01-05 1 more cron time of this business date starts no run");
    TickRules months = rules("Europe/Berlin", DateUnit.Month, -1, "0 2 * * *");
    assertThat(show(months, "2026-01-31T09:00:00Z", 1))
        .containsExactly(
            "2026-02-01T02:00+01:00 2026-01 27 more cron times of this business date start no run");
  }

  @Test
  void showsAMidnightThatIsMissing() {
    TickRules rules = rules("Africa/Cairo", DateUnit.Day, 0, "0 0 * * *");
    assertThat(show(rules, "2026-04-23T12:00:00Z", 2))
        .containsExactly(
            "2026-04-24T01:00+03:00 2026-04-24 moved from 00:00, which does not exist on 2026-04-24",
            "2026-04-25T00:00+03:00 2026-04-25");
  }

  @Test
  void showsARepeatedHourOnce() {
    TickRules rules = rules("Europe/Berlin", DateUnit.Hour, 0, "0 * * * *");
    assertThat(show(rules, "2026-10-24T23:30:00Z", 3))
        .containsExactly(
            "2026-10-25T02:00+02:00 2026-10-25T02 02:00 occurs twice on 2026-10-25; this is the first"
                + " time; 1 more cron time of this business date starts no run",
            "2026-10-25T03:00+01:00 2026-10-25T03",
            "2026-10-25T04:00+01:00 2026-10-25T04");
  }

  @Test
  void showsRareDates() {
    TickRules rules = rules("Etc/UTC", DateUnit.Day, 0, "0 0 29 2 *");
    assertThat(show(rules, "2026-01-01T00:00:00Z", 5))
        .containsExactly(
            "2028-02-29T00:00Z 2028-02-29",
            "2032-02-29T00:00Z 2032-02-29",
            "2036-02-29T00:00Z 2036-02-29",
            "2040-02-29T00:00Z 2040-02-29",
            "2044-02-29T00:00Z 2044-02-29");
  }
}
