/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.schedule;

import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.api.BackfillOrder;
import io.luigioperator.api.DateUnit;
import io.luigioperator.api.DstPolicy;
import java.time.Instant;
import java.time.ZoneId;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CronDatesTest {

  private static TickRules rules(String zone, DateUnit unit, int offset, String... crons) {
    return new TickRules(
        ZoneId.of(zone),
        Arrays.stream(crons).map(CronExpression::parse).toList(),
        unit,
        offset,
        DstPolicy.RunOnce,
        null,
        null,
        false);
  }

  private static Set<String> dates(TickRules rules, String start, String end) {
    BackfillDates all =
        BackfillDates.of(
            BackfillDatesTest.backfill(start, end, BackfillOrder.OldestFirst), rules.unit());
    CronDates cronDates = new CronDates();
    Set<String> found = new TreeSet<>();
    for (long i = 0; i < all.count(); i++) {
      if (cronDates.contains("c", rules, all.at(i))) {
        found.add(all.at(i));
      }
    }
    return found;
  }

  @Test
  void aWeekdayCronNamesNoWeekend() {
    assertThat(
            dates(
                rules("Europe/Berlin", DateUnit.Day, 0, "0 2 * * 1-5"), "2026-10-22", "2026-10-28"))
        .containsExactly("2026-10-22", "2026-10-23", "2026-10-26", "2026-10-27", "2026-10-28");
  }

  @Test
  void withoutCronsEveryDateIsNamed() {
    assertThat(dates(rules("Etc/UTC", DateUnit.Month, -1), "2026-10", "2026-12")).hasSize(3);
  }

  @Test
  void datesOutsideTheTimeOfTheClientAreNotNamed() {
    TickRules rules =
        new TickRules(
            ZoneId.of("Etc/UTC"),
            List.of(CronExpression.parse("0 2 * * *")),
            DateUnit.Day,
            -1,
            DstPolicy.RunOnce,
            Instant.parse("2026-01-03T00:00:00Z"),
            Instant.parse("2026-01-05T00:00:00Z"),
            false);
    assertThat(dates(rules, "2026-01-01", "2026-01-10"))
        .containsExactly("2026-01-02", "2026-01-03");
  }

  /** Around changes of the clock, and with offsets that move the date by months. */
  @ParameterizedTest
  @CsvSource({
    "America/Havana, Day, -1, 2026-02-20, 2026-03-20, 0 0 * * *",
    "Pacific/Apia, Day, 0, 2011-12-20, 2012-01-10, 0 12 * * *",
    "Pacific/Apia, Hour, -30, 2011-12-27T00, 2012-01-03T23, 15 */5 * * *",
    "Australia/Lord_Howe, Minute, -7, 2026-04-04T1200, 2026-04-05T1200, */20 * * * *",
    "Europe/Berlin, Month, -13, 2024-01, 2026-12, 0 0 1 */2 *",
    "Africa/Cairo, Day, 1000, 2028-12-01, 2029-01-31, 0 0 * * 5",
    "America/Santiago, Hour, 1000, 2026-10-15T00, 2026-10-20T23, 0 */7 * * *",
  })
  void findsTheDatesOfAllTicks(
      String zone, DateUnit unit, int offset, String start, String end, String cron) {
    TickRules rules = rules(zone, unit, offset, cron);
    TickWalk walk =
        TickWalk.of(
            rules, Instant.parse("2005-01-01T00:00:00Z"), Instant.parse("2031-01-01T00:00:00Z"));
    Set<String> named = new TreeSet<>();
    walk.forEachRemaining(
        tick -> {
          String date = tick.businessDate();
          if (date.compareTo(start) >= 0 && date.compareTo(end) <= 0) {
            named.add(date);
          }
        });
    assertThat(named).isNotEmpty();
    assertThat(dates(rules, start, end)).isEqualTo(named);
  }
}
