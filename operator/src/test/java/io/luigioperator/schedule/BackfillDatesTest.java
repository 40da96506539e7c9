/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.schedule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.luigioperator.api.BackfillOrder;
import io.luigioperator.api.BackfillSpec;
import io.luigioperator.api.DateUnit;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BackfillDatesTest {

  static BackfillSpec backfill(String start, String end, BackfillOrder order) {
    return new BackfillSpec("b", start, end, List.of(), null, order, null, null, null);
  }

  private static List<String> all(BackfillDates dates) {
    List<String> all = new ArrayList<>();
    for (long i = 0; i < dates.count(); i++) {
      all.add(dates.at(i));
      assertThat(dates.indexOf(dates.at(i))).isEqualTo(i);
    }
    return all;
  }

  @ParameterizedTest
  @CsvSource({
    "Month, 2025-11, 2026-02, '2025-11 2025-12 2026-01 2026-02'",
    "Day, 2028-02-27, 2028-03-01, '2028-02-27 2028-02-28 2028-02-29 2028-03-01'",
    "Day, 2026-03-29, 2026-03-29, '2026-03-29'",
    "Hour, 2026-12-31T22, 2027-01-01T01, '2026-12-31T22 2026-12-31T23 2027-01-01T00 2027-01-01T01'",
    "Minute, 2026-02-28T2358, 2026-03-01T0000, '2026-02-28T2358 2026-02-28T2359 2026-03-01T0000'",
  })
  void countsOnTheCalendar(DateUnit unit, String start, String end, String dates) {
    List<String> expected = List.of(dates.split(" "));
    assertThat(all(BackfillDates.of(backfill(start, end, BackfillOrder.OldestFirst), unit)))
        .isEqualTo(expected);
    assertThat(all(BackfillDates.of(backfill(start, end, BackfillOrder.NewestFirst), unit)))
        .isEqualTo(expected.reversed());
  }

  /** A backfill of any length costs the same. */
  @Test
  void aMillionDatesAreCountedWithoutBeingListed() {
    BackfillDates dates =
        BackfillDates.of(
            backfill("2024-01-01T0000", "2025-12-31T2359", BackfillOrder.OldestFirst),
            DateUnit.Minute);
    assertThat(dates.count()).isEqualTo(731L * 1440);
    assertThat(dates.at(1_000_000)).isEqualTo("2025-11-25T1040");
    assertThat(dates.indexOf("2025-11-25T1040")).isEqualTo(1_000_000);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "Day | 2026-07 | 2026-08 | start \"2026-07\" is not a business date of unit Day, such as 2026-11-28",
        "Day | 2026-02-28 | 2026-02-30 | end \"2026-02-30\" is not a business date of unit Day",
        "Minute | 2026-07-01T14 | 2026-07-01T15 | such as 2026-11-28T1430",
        "Month | 2026-08 | 2026-07 | end 2026-07 is before start 2026-08",
      })
  void refusesWhatIsNoRange(DateUnit unit, String start, String end, String says) {
    assertThatThrownBy(
            () -> BackfillDates.of(backfill(start, end, BackfillOrder.OldestFirst), unit))
        .isInstanceOf(InvalidScheduleException.class)
        .hasMessageContaining(says);
  }
}
