/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.schedule;

import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.api.CatchUpPolicy;
import io.luigioperator.api.DateUnit;
import io.luigioperator.api.DstPolicy;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The rules of a zone change with a tz database that comes when they are in force already. */
class ZoneUpdateTest {

  private static final CatchUp ALL = new CatchUp(CatchUpPolicy.All, 100, 604_800);

  private static TickRules daily(ZoneId zone) {
    return new TickRules(
        zone,
        List.of(CronExpression.parse("30 1 * * *")),
        DateUnit.Day,
        0,
        DstPolicy.RunOnce,
        null,
        null,
        false);
  }

  private static ZoneId zone(boolean summerTime) {
    return summerTime ? ChangingZone.WITH_SUMMER_TIME : ChangingZone.WITHOUT_SUMMER_TIME;
  }

  /** The dates that run from 10 to 15 June, with an update at this moment. */
  private static List<String> run(ZoneId before, ZoneId after, Instant update) {
    List<String> run = new ArrayList<>();
    Instant start = Instant.parse("2026-06-10T12:00:00Z");
    ZoneOffset offset = before.getRules().getOffset(update);
    addFired(TickDecider.decide(daily(before), start, update, ALL, run::contains), run);
    Instant resume = TimeZones.resumeFrom(update, offset, after);
    addFired(
        TickDecider.decide(
            daily(after), resume, Instant.parse("2026-06-15T12:00:00Z"), ALL, run::contains),
        run);
    return run;
  }

  private static void addFired(TickDecisions decisions, List<String> run) {
    for (Decision decision : decisions.decided()) {
      if (decision instanceof Decision.Fired fired) {
        run.add(fired.candidate().businessDate());
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"true, false", "false, true"})
  void noDateIsLostOrDoubled(boolean summerTimeBefore, boolean summerTimeAfter) {
    Instant update = Instant.parse("2026-06-11T12:00:00Z");
    Instant end = update.plus(Duration.ofDays(2));
    int updates = 0;
    for (; update.isBefore(end); update = update.plus(Duration.ofMinutes(5))) {
      assertThat(run(zone(summerTimeBefore), zone(summerTimeAfter), update))
          .describedAs("update at %s", update)
          .containsExactly("2026-06-11", "2026-06-12", "2026-06-13", "2026-06-14", "2026-06-15");
      updates++;
    }
    assertThat(updates).isEqualTo(576);
  }
}
