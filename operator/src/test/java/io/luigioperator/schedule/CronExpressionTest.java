/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.schedule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.LocalDate;
import java.time.LocalDateTime;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class CronExpressionTest {

  private static LocalDateTime next(String cron, String from) {
    return CronExpression.parse(cron).next(LocalDateTime.parse(from)).orElseThrow();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          0 2 * * *            | 2026-03-01T02:00    | 2026-03-01T02:00
          0 2 * * *            | 2026-03-01T02:00:01 | 2026-03-02T02:00
          0 2 * * *            | 2026-03-01T01:59:59.9 | 2026-03-01T02:00
          @hourly              | 2026-03-01T02:01    | 2026-03-01T03:00
          @daily               | 2026-12-31T23:59    | 2027-01-01T00:00
          @weekly              | 2026-03-02T00:00    | 2026-03-08T00:00
          @monthly             | 2026-03-01T00:01    | 2026-04-01T00:00
          59 23 31 12 *        | 2026-12-31T23:59    | 2026-12-31T23:59
          */15 * * * *         | 2026-03-01T23:46    | 2026-03-02T00:00
          5/20 * * * *         | 2026-03-01T00:26    | 2026-03-01T00:45
          10-30/10,50 * * * *  | 2026-03-01T00:31    | 2026-03-01T00:50
          10-30/10,50 * * * *  | 2026-03-01T00:51    | 2026-03-01T01:10
          0 9-17/4 * * *       | 2026-03-01T10:00    | 2026-03-01T13:00
          0 0 * * 7            | 2026-03-02T00:00    | 2026-03-08T00:00
          0 0 * * SUN          | 2026-03-02T00:00    | 2026-03-08T00:00
          0 0 * * sat-sun      | 2026-03-01T00:01    | 2026-03-07T00:00
          0 0 * * 5-7          | 2026-03-07T00:01    | 2026-03-08T00:00
          0 0 * * sun-tue      | 2026-03-04T00:00    | 2026-03-08T00:00
          0 0 * * 1-5          | 2026-03-07T00:00    | 2026-03-09T00:00
          0 0 * * 0/2          | 2026-03-01T00:01    | 2026-03-03T00:00
          0 0 1 JAN,jul *      | 2026-02-01T00:00    | 2026-07-01T00:00
          0 0 29 2 *           | 2026-03-01T00:00    | 2028-02-29T00:00
          0 0 29 2 *           | 2096-03-01T00:00    | 2104-02-29T00:00
          0 0 31 * *           | 2026-04-01T00:00    | 2026-05-31T00:00
          00 02 * * *          | 2026-03-01T03:00    | 2026-03-02T02:00
          """)
  void findsTheNextMatch(String cron, String from, String next) {
    assertThat(next(cron, from)).isEqualTo(next);
  }

  @Test
  void restrictedDayAndRestrictedWeekdayAreAUnion() {
    assertThat(matchingDays("0 0 13 * 5")).containsExactly(6, 13, 20, 27);
    assertThat(matchingDays("0 0 2,10 * MON")).containsExactly(2, 9, 10, 16, 23, 30);
    // a step restricts the field, as in a Kubernetes CronJob
    assertThat(matchingDays("0 0 */15 * MON")).containsExactly(1, 2, 9, 16, 23, 30, 31);
    assertThat(matchingDays("0 0 1-31 * MON")).hasSize(31);
    assertThat(matchingDays("0 0 * * MON")).containsExactly(2, 9, 16, 23, 30);
    assertThat(matchingDays("0 0 */1 * MON")).containsExactly(2, 9, 16, 23, 30);
    assertThat(matchingDays("0 0 *,5 * MON")).containsExactly(2, 9, 16, 23, 30);
    assertThat(matchingDays("0 0 13 * *")).containsExactly(13);
  }

  private static List<Integer> matchingDays(String cron) {
    CronExpression expression = CronExpression.parse(cron);
    return LocalDate.of(2026, 3, 1)
        .datesUntil(LocalDate.of(2026, 4, 1))
        .filter(day -> expression.matches(day.atStartOfDay()))
        .map(LocalDate::getDayOfMonth)
        .toList();
  }

  @Test
  void nextAgreesWithMatches() {
    Stream.of("* * * * *", "7,49 3-5,22 * * *", "*/7 */5 * * 1-5", "0 12 29 2 *", "30 0 31 1-6 TUE")
        .map(CronExpression::parse)
        .forEach(
            cron -> {
              LocalDateTime time = LocalDateTime.of(2028, 2, 20, 0, 0);
              LocalDateTime expected = cron.next(time).orElseThrow();
              for (int i = 0; i < 20_000; i++, time = time.plusMinutes(1)) {
                if (cron.matches(time)) {
                  assertThat(time).describedAs(cron.text()).isEqualTo(expected);
                  expected = cron.next(time.plusMinutes(1)).orElseThrow();
                } else {
                  assertThat(time).describedAs(cron.text()).isBefore(expected);
                }
              }
            });
  }

  @ParameterizedTest
  @ValueSource(strings = {"* * * * *", "*/15 * * * *", "0 * * * *", "@hourly", "0 */1 * * *"})
  void hourIsAWildcard(String cron) {
    assertThat(CronExpression.parse(cron).isHourWildcard()).isTrue();
  }

  @ParameterizedTest
  @ValueSource(strings = {"* 2 * * *", "0 */2 * * *", "0 0-23 * * *", "0 */12 * * *", "@daily"})
  void hourIsNoWildcard(String cron) {
    assertThat(CronExpression.parse(cron).isHourWildcard()).isFalse();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          ''                      | must not be empty; write five fields
          0 0 * *                 | has 4 fields; write five: minute, hour
          daily                   | has 1 field; write five
          0 0 0 * * *             | A field for seconds or years is not supported
          0 0 0 1 1 ? 2026        | has 7 fields
          @reboot                 | create a PipelineRun
          @yearly                 | write 0 0 1 1 *
          @annually               | write 0 0 1 1 *
          @midnight               | write @daily
          @every 5m               | write a step, for example */15 * * * *
          @Daily                  | use @hourly, @daily, @weekly or @monthly
          TZ=UTC 0 0 * * *        | set the field timeZone
          CRON_TZ=UTC 0 0 * * *   | set the field timeZone
          H * * * *               | write a number, and set jitterSeconds
          H/15 * * * *            | write a number, and set jitterSeconds
          H(0-29) * * * *         | write a number, and set jitterSeconds
          R * * * *               | write a number, and set jitterSeconds
          0 0 ? * *               | ? is not supported; write *
          0 0 L * *               | run on day 1 with a businessDate offset of -1
          0 0 L-3 * *             | run on day 1 with a businessDate offset of -1
          0 0 15W * *             | write days as numbers
          0 0 * * 5L              | write days as numbers
          0 0 * * MON#2           | a cron cannot name the n-th weekday
          60 * * * *              | in the minute field "60", 60 is not between 0 and 59
          0 24 * * *              | in the hour field "24", 24 is not between 0 and 23
          0 0 0 * *               | in the day of month field "0", 0 is not between 1 and 31
          0 0 32 * *              | 32 is not between 1 and 31
          0 0 1 0 *               | in the month field "0", 0 is not between 1 and 12
          0 0 1 13 *              | 13 is not between 1 and 12
          0 0 * * 8               | in the day of week field "8", 8 is not between 0 and 7
          */0 * * * *             | the step 0 is not between 1 and 59
          */60 * * * *            | the step 60 is not between 1 and 59
          0 */24 * * *            | the step 24 is not between 1 and 23
          5/0 * * * *             | the step 0 is not between 1 and 59
          0 22-2 * * *            | the range 22-2 ends before it begins; write it as a list of two ranges
          0 0 * * fri-mon         | the range fri-mon ends before it begins
          0 0 1 MON *             | "MON" is none of JAN, FEB
          0 0 1 JANUARY *         | "JANUARY" is not a number
          0 0 * * JAN             | "JAN" is none of SUN, MON
          0 SUN * * *             | "SUN" is not a number
          1,,2 * * * *            | an item of the list is missing
          1, * * * *              | an item of the list is missing
          ,1 * * * *              | an item of the list is missing
          -5 * * * *              | "-5" is not a number, a range
          +5 * * * *              | "+5" is not a number
          1- * * * *              | "1-" is not a number
          1-5-9 * * * *           | "1-5-9" is not a number
          1.5 * * * *             | "1.5" is not a number
          *-5 * * * *             | "*-5" is not a number
          ** * * * *              | "**" is not a number
          */ * * * *              | "*/" is not a number
          */2/3 * * * *           | "*/2/3" is not a number
          */-2 * * * *            | "*/-2" is not a number
          100 * * * *             | "100" is not a number
          \u0663 * * * *          | is not a number
          0 0 30 2 *              | never matches: no month in it has such a day
          0 0 31 4,6,9,11 *       | never matches
          0 0 31 2-2 *            | never matches
          """)
  void refuses(String cron, String message) {
    assertThatThrownBy(() -> CronExpression.parse(cron))
        .isInstanceOf(InvalidScheduleException.class)
        .hasMessageContaining(message)
        .message()
        .endsWith(".")
        .contains(cron);
  }

  @Test
  void refusesLongExpressions() {
    String list = "0" + ",10".repeat(39);
    assertThat(CronExpression.parse(list + " * * * *").text()).hasSize(126);
    assertThatThrownBy(() -> CronExpression.parse(list + ",5,5 * * * *"))
        .hasMessage("A cron expression has at most 128 characters; this one has 130.");
    assertThatThrownBy(() -> CronExpression.parse("0 0 * * *\n0 1 * * *"))
        .isInstanceOf(InvalidScheduleException.class);
  }

  @Test
  void keepsTheText() {
    assertThat(CronExpression.parse(" 0 2\t* *  * ").text()).isEqualTo("0 2\t* *  *");
    assertThat(CronExpression.parse("@daily")).isEqualTo(CronExpression.parse("@daily"));
    assertThat(CronExpression.parse("@daily")).hasToString("@daily");
    // two ways to write one rule differ as texts
    assertThat(CronExpression.parse("@daily")).isNotEqualTo(CronExpression.parse("0 0 * * *"));
  }
}
