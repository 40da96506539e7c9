/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.schedule;

import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.api.DateUnit;
import io.luigioperator.api.DstPolicy;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Changes of the clock that differ from each other, by name; all others are in TickOracleTest. */
class TickWalkTest {

  private static TickRules rules(String zone, DstPolicy policy, String... crons) {
    return rules(zone, policy, DateUnit.Day, 0, crons);
  }

  private static TickRules rules(
      String zone, DstPolicy policy, DateUnit unit, int offset, String... crons) {
    return new TickRules(
        ZoneId.of(zone),
        Stream.of(crons).map(CronExpression::parse).toList(),
        unit,
        offset,
        policy,
        null,
        null,
        false);
  }

  /** One line a tick: UTC, the cron's local time, business date, and what is special about it. */
  private static List<String> ticks(TickRules rules, String after, String until) {
    List<String> lines = new ArrayList<>();
    TickWalk.of(rules, Instant.parse(after), Instant.parse(until))
        .forEachRemaining(
            c ->
                lines.add(
                    "%s %s %s%s"
                        .formatted(
                            c.nominal(),
                            c.scheduled(),
                            c.businessDate(),
                            c.note() == DstNote.None ? "" : " " + c.note())));
    return lines;
  }

  @Test
  void berlinSpring() {
    String after = "2026-03-28T02:00:00Z";
    String until = "2026-03-30T00:30:00Z";
    assertThat(ticks(rules("Europe/Berlin", DstPolicy.RunOnce, "30 2 * * *"), after, until))
        .containsExactly(
            "2026-03-29T01:00:00Z 2026-03-29T02:30 2026-03-29 MovedOutOfGap",
            "2026-03-30T00:30:00Z 2026-03-30T02:30 2026-03-30");
    assertThat(ticks(rules("Europe/Berlin", DstPolicy.Strict, "30 2 * * *"), after, until))
        .containsExactly(
            "2026-03-29T01:00:00Z 2026-03-29T02:30 2026-03-29 SkippedInGap",
            "2026-03-30T00:30:00Z 2026-03-30T02:30 2026-03-30");
    assertThat(
            TickWalk.of(
                    rules("Europe/Berlin", DstPolicy.Strict, "30 2 * * *"),
                    Instant.parse(after),
                    Instant.parse(until))
                .next()
                .skip())
        .isEqualTo(SkipReason.DaylightSavingGap);
  }

  @Test
  void berlinAutumn() {
    String after = "2026-10-24T22:30:00Z";
    String until = "2026-10-25T02:00:00Z";
    for (DstPolicy policy : DstPolicy.values()) {
      assertThat(ticks(rules("Europe/Berlin", policy, "30 2 * * *"), after, until))
          .containsExactly("2026-10-25T00:30:00Z 2026-10-25T02:30 2026-10-25 FirstOccurrence");
    }
    assertThat(
            ticks(
                rules("Europe/Berlin", DstPolicy.RunOnce, DateUnit.Hour, -1, "0 * * * *"),
                after,
                until))
        .containsExactly(
            "2026-10-24T23:00:00Z 2026-10-25T01:00 2026-10-25T00",
            "2026-10-25T00:00:00Z 2026-10-25T02:00 2026-10-25T01 FirstOccurrence",
            "2026-10-25T01:00:00Z 2026-10-25T02:00 2026-10-25T01 SecondOccurrence",
            "2026-10-25T02:00:00Z 2026-10-25T03:00 2026-10-25T02");
    assertThat(
            ticks(
                rules("Europe/Berlin", DstPolicy.Strict, DateUnit.Hour, 0, "0 * * * *"),
                after,
                until))
        .containsExactly(
            "2026-10-24T23:00:00Z 2026-10-25T01:00 2026-10-25T01",
            "2026-10-25T00:00:00Z 2026-10-25T02:00 2026-10-25T02 FirstOccurrence",
            "2026-10-25T02:00:00Z 2026-10-25T03:00 2026-10-25T03");
  }

  @Test
  void aWildcardHourFollowsRealTimeAndLosesNoHour() {
    String after = "2026-03-28T23:00:00Z";
    String until = "2026-03-29T02:00:00Z";
    assertThat(
            ticks(
                rules("Europe/Berlin", DstPolicy.RunOnce, DateUnit.Hour, -1, "0 * * * *"),
                after,
                until))
        .containsExactly(
            "2026-03-29T00:00:00Z 2026-03-29T01:00 2026-03-29T00",
            "2026-03-29T01:00:00Z 2026-03-29T03:00 2026-03-29T01",
            "2026-03-29T02:00:00Z 2026-03-29T04:00 2026-03-29T03");
    assertThat(
            ticks(
                rules("Europe/Berlin", DstPolicy.Strict, DateUnit.Hour, 0, "0 * * * *"),
                after,
                until))
        .containsExactly(
            "2026-03-29T00:00:00Z 2026-03-29T01:00 2026-03-29T01",
            "2026-03-29T01:00:00Z 2026-03-29T02:00 2026-03-29T02 SkippedInGap",
            "2026-03-29T01:00:00Z 2026-03-29T03:00 2026-03-29T03",
            "2026-03-29T02:00:00Z 2026-03-29T04:00 2026-03-29T04");
  }

  @Test
  void severalTimesInOneGapAreOneTickPerDate() {
    assertThat(
            ticks(
                rules("Europe/Berlin", DstPolicy.RunOnce, "*/20 2 * * *", "0 3 * * *"),
                "2026-03-29T00:00:00Z",
                "2026-03-29T12:00:00Z"))
        .containsExactly("2026-03-29T01:00:00Z 2026-03-29T03:00 2026-03-29");
    assertThat(
            ticks(
                rules("Europe/Berlin", DstPolicy.RunOnce, DateUnit.Minute, 0, "*/20 2 * * *"),
                "2026-03-29T00:00:00Z",
                "2026-03-29T12:00:00Z"))
        .containsExactly(
            "2026-03-29T01:00:00Z 2026-03-29T02:00 2026-03-29T0200 MovedOutOfGap",
            "2026-03-29T01:00:00Z 2026-03-29T02:20 2026-03-29T0220 MovedOutOfGap",
            "2026-03-29T01:00:00Z 2026-03-29T02:40 2026-03-29T0240 MovedOutOfGap");
  }

  @Test
  void lordHoweShiftsByHalfAnHour() {
    TickRules rules = rules("Australia/Lord_Howe", DstPolicy.RunOnce, "15 2 * * *", "45 2 * * *");
    // 4 October 2026: 02:00 becomes 02:30
    assertThat(ticks(rules, "2026-10-03T00:00:00Z", "2026-10-03T23:00:00Z"))
        .containsExactly(
            "2026-10-03T15:30:00Z 2026-10-04T02:15 2026-10-04 MovedOutOfGap",
            "2026-10-03T15:45:00Z 2026-10-04T02:45 2026-10-04");
    // 5 April 2026: 02:00 becomes 01:30
    assertThat(
            ticks(
                rules(
                    "Australia/Lord_Howe", DstPolicy.RunOnce, DateUnit.Minute, -15, "*/15 * * * *"),
                "2026-04-04T14:15:00Z",
                "2026-04-04T15:30:00Z"))
        .containsExactly(
            "2026-04-04T14:30:00Z 2026-04-05T01:30 2026-04-05T0115 FirstOccurrence",
            "2026-04-04T14:45:00Z 2026-04-05T01:45 2026-04-05T0130 FirstOccurrence",
            "2026-04-04T15:00:00Z 2026-04-05T01:30 2026-04-05T0115 SecondOccurrence",
            "2026-04-04T15:15:00Z 2026-04-05T01:45 2026-04-05T0130 SecondOccurrence",
            "2026-04-04T15:30:00Z 2026-04-05T02:00 2026-04-05T0145");
  }

  /** 2:00 is skipped and 2:30 is not, so the hour exists and has its tick. */
  @Test
  void anHourThatIsSkippedInPartKeepsItsTick() {
    String after = "2026-10-03T14:00:00Z";
    String until = "2026-10-03T16:00:00Z";
    assertThat(
            ticks(
                rules("Australia/Lord_Howe", DstPolicy.RunOnce, DateUnit.Hour, -1, "0 * * * *"),
                after,
                until))
        .containsExactly(
            "2026-10-03T14:30:00Z 2026-10-04T01:00 2026-10-04T00",
            "2026-10-03T15:30:00Z 2026-10-04T02:00 2026-10-04T01 MovedOutOfGap",
            "2026-10-03T16:00:00Z 2026-10-04T03:00 2026-10-04T02");
    // it has one anyway
    assertThat(
            ticks(
                rules("Australia/Lord_Howe", DstPolicy.RunOnce, DateUnit.Hour, 0, "*/20 * * * *"),
                "2026-10-03T15:10:00Z",
                "2026-10-03T15:59:00Z"))
        .containsExactly("2026-10-03T15:40:00Z 2026-10-04T02:40 2026-10-04T02");
    // from 23:30 to 24:00
    assertThat(
            ticks(
                rules("Asia/Pyongyang", DstPolicy.RunOnce, DateUnit.Hour, 0, "45 * * * *"),
                "2018-05-04T14:00:00Z",
                "2018-05-04T16:00:00Z"))
        .containsExactly(
            "2018-05-04T14:15:00Z 2018-05-04T22:45 2018-05-04T22",
            "2018-05-04T15:00:00Z 2018-05-04T23:45 2018-05-04T23 MovedOutOfGap",
            "2018-05-04T15:45:00Z 2018-05-05T00:45 2018-05-05T00");
  }

  /** Zones whose clocks go forward at midnight: that midnight does not exist. */
  @Test
  void aSkippedMidnightIsDueAtOne() {
    assertThat(midnights("Africa/Cairo", "2026-04-23T12:00:00Z", "2026-04-24T23:00:00Z"))
        .containsExactly(
            "2026-04-23T22:00:00Z 2026-04-24T00:00 2026-04-24 MovedOutOfGap",
            "2026-04-24T21:00:00Z 2026-04-25T00:00 2026-04-25");
    assertThat(midnights("America/Santiago", "2026-09-05T12:00:00Z", "2026-09-07T12:00:00Z"))
        .containsExactly(
            "2026-09-06T04:00:00Z 2026-09-06T00:00 2026-09-06 MovedOutOfGap",
            "2026-09-07T03:00:00Z 2026-09-07T00:00 2026-09-07");
    assertThat(midnights("Asia/Beirut", "2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z"))
        .containsExactly(
            "2026-03-28T22:00:00Z 2026-03-29T00:00 2026-03-29 MovedOutOfGap",
            "2026-03-29T21:00:00Z 2026-03-30T00:00 2026-03-30");
    assertThat(midnights("America/Havana", "2026-03-07T12:00:00Z", "2026-03-09T12:00:00Z"))
        .containsExactly(
            "2026-03-08T05:00:00Z 2026-03-08T00:00 2026-03-08 MovedOutOfGap",
            "2026-03-09T04:00:00Z 2026-03-09T00:00 2026-03-09");
    assertThat(midnights("Atlantic/Azores", "2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z"))
        .containsExactly(
            "2026-03-29T01:00:00Z 2026-03-29T00:00 2026-03-29 MovedOutOfGap",
            "2026-03-30T00:00:00Z 2026-03-30T00:00 2026-03-30");
  }

  /** Zones whose clocks go back at or after midnight: that midnight exists twice. */
  @Test
  void aRepeatedMidnightIsDueOnce() {
    assertThat(midnights("America/Havana", "2026-10-31T12:00:00Z", "2026-11-02T12:00:00Z"))
        .containsExactly(
            "2026-11-01T04:00:00Z 2026-11-01T00:00 2026-11-01 FirstOccurrence",
            "2026-11-02T05:00:00Z 2026-11-02T00:00 2026-11-02");
    assertThat(midnights("Atlantic/Azores", "2026-10-24T12:00:00Z", "2026-10-26T12:00:00Z"))
        .containsExactly(
            "2026-10-25T00:00:00Z 2026-10-25T00:00 2026-10-25 FirstOccurrence",
            "2026-10-26T01:00:00Z 2026-10-26T00:00 2026-10-26");
    // from 24:00 back to 23:00: midnight exists once
    assertThat(midnights("Africa/Cairo", "2026-10-29T12:00:00Z", "2026-10-30T12:00:00Z"))
        .containsExactly("2026-10-29T22:00:00Z 2026-10-30T00:00 2026-10-30");
  }

  private static List<String> midnights(String zone, String after, String until) {
    return ticks(rules(zone, DstPolicy.RunOnce, "@daily"), after, until);
  }

  @Test
  void apiaHadNo30December2011() {
    String after = "2011-12-29T12:00:00Z";
    String until = "2011-12-31T12:00:00Z";
    assertThat(ticks(rules("Pacific/Apia", DstPolicy.RunOnce, "0 2 * * *"), after, until))
        .containsExactly(
            "2011-12-30T10:00:00Z 2011-12-30T02:00 2011-12-30 MovedOutOfGap",
            "2011-12-30T12:00:00Z 2011-12-31T02:00 2011-12-31",
            "2011-12-31T12:00:00Z 2012-01-01T02:00 2012-01-01");
    // at midnight both dates are due at one instant
    assertThat(midnights("Pacific/Apia", after, until))
        .containsExactly(
            "2011-12-30T10:00:00Z 2011-12-30T00:00 2011-12-30 MovedOutOfGap",
            "2011-12-30T10:00:00Z 2011-12-31T00:00 2011-12-31",
            "2011-12-31T10:00:00Z 2012-01-01T00:00 2012-01-01");
    assertThat(ticks(rules("Pacific/Apia", DstPolicy.Strict, "0 0 30 12 *"), after, until))
        .containsExactly("2011-12-30T10:00:00Z 2011-12-30T00:00 2011-12-30 SkippedInGap");
  }

  @Test
  void aYearlyCronIsFoundAtOnce() {
    TickRules rules = rules("Europe/Berlin", DstPolicy.RunOnce, "0 0 29 2 *");
    assertThat(
            TickWalk.next(rules, Instant.parse("2097-01-01T00:00:00Z")).orElseThrow().scheduled())
        .isEqualTo(LocalDateTime.parse("2104-02-29T00:00"));
  }
}
