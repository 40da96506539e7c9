/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.schedule;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import io.luigioperator.api.CatchUpPolicy;
import io.luigioperator.api.DateUnit;
import io.luigioperator.api.DstPolicy;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class TickDeciderTest {

  private static final CatchUp NONE = new CatchUp(CatchUpPolicy.None, 7, 604_800);
  private static final CatchUp LATEST = new CatchUp(CatchUpPolicy.Latest, 7, 604_800);
  private static final CatchUp ALL_3 = new CatchUp(CatchUpPolicy.All, 3, 604_800);
  private static final Predicate<String> NO_RUNS = date -> false;

  private static TickRules rules(String... crons) {
    return rules(DateUnit.Day, false, crons);
  }

  private static TickRules rules(DateUnit unit, boolean suspended, String... crons) {
    return new TickRules(
        ZoneId.of("UTC"),
        Stream.of(crons).map(CronExpression::parse).toList(),
        unit,
        0,
        DstPolicy.RunOnce,
        null,
        null,
        suspended);
  }

  private static TickDecisions decide(
      TickRules rules, String after, String now, CatchUp catchUp, Predicate<String> fired) {
    return TickDecider.decide(rules, Instant.parse(after), Instant.parse(now), catchUp, fired);
  }

  private static List<String> lines(TickDecisions decisions) {
    return decisions.decided().stream()
        .map(
            d ->
                switch (d) {
                  case Decision.Fired f ->
                      f.candidate().businessDate() + (f.catchUp() ? " catch-up" : " on time");
                  case Decision.Skipped s -> s.candidate().businessDate() + " " + s.reason();
                })
        .toList();
  }

  @Test
  void aTickOnTimeFires() {
    TickDecisions decisions =
        decide(rules("0 2 * * *"), "2026-03-01T01:00:00Z", "2026-03-01T02:00:00Z", NONE, NO_RUNS);
    assertThat(lines(decisions)).containsExactly("2026-03-01 on time");
    assertThat(decisions.decidedUntil()).isEqualTo("2026-03-01T02:00:00Z");
    assertThat(decisions.complete()).isTrue();
    assertThat(decisions.skipped()).isEmpty();
  }

  @Test
  void aTickIsOnTimeForFiveMinutes() {
    assertThat(
            lines(
                decide(
                    rules("0 2 * * *"),
                    "2026-03-01T01:00:00Z",
                    "2026-03-01T02:05:00Z",
                    NONE,
                    NO_RUNS)))
        .containsExactly("2026-03-01 on time");
    assertThat(
            lines(
                decide(
                    rules("0 2 * * *"),
                    "2026-03-01T01:00:00Z",
                    "2026-03-01T02:05:00.001Z",
                    NONE,
                    NO_RUNS)))
        .containsExactly("2026-03-01 MissedNoCatchUp");
  }

  @Test
  void nothingIsDecidedTwice() {
    TickDecisions first =
        decide(rules("0 2 * * *"), "2026-03-01T01:00:00Z", "2026-03-01T02:00:00Z", ALL_3, NO_RUNS);
    assertThat(
            TickDecider.decide(
                    rules("0 2 * * *"),
                    first.decidedUntil(),
                    Instant.parse("2026-03-01T02:00:00Z"),
                    ALL_3,
                    NO_RUNS)
                .decided())
        .isEmpty();
  }

  @Test
  void aClockThatGoesBackDecidesNothing() {
    TickDecisions decisions =
        decide(rules("0 2 * * *"), "2026-03-05T00:00:00Z", "2026-03-01T00:00:00Z", ALL_3, NO_RUNS);
    assertThat(decisions.decided()).isEmpty();
    assertThat(decisions.decidedUntil()).isEqualTo("2026-03-05T00:00:00Z");
  }

  @Test
  void noneDropsWhatWasMissed() {
    TickDecisions decisions =
        decide(rules("0 2 * * *"), "2026-03-01T00:00:00Z", "2026-03-03T02:00:01Z", NONE, NO_RUNS);
    assertThat(lines(decisions))
        .containsExactly(
            "2026-03-01 MissedNoCatchUp", "2026-03-02 MissedNoCatchUp", "2026-03-03 on time");
    assertThat(decisions.droppedDates()).isEqualTo(2);
    assertThat(decisions.skipped()).isEqualTo(Map.of(SkipReason.MissedNoCatchUp, 2L));
  }

  @Test
  void latestRunsTheLatestMissedDate() {
    TickDecisions decisions =
        decide(rules("0 2 * * *"), "2026-03-01T00:00:00Z", "2026-03-04T02:00:01Z", LATEST, NO_RUNS);
    assertThat(lines(decisions))
        .containsExactly(
            "2026-03-01 MissedNotLatest",
            "2026-03-02 MissedNotLatest",
            "2026-03-03 catch-up",
            "2026-03-04 on time");
    assertThat(decisions.droppedDates()).isEqualTo(2);
  }

  @Test
  void allRunsTheLatestDatesOldestFirst() {
    TickDecisions decisions =
        decide(rules("0 2 * * *"), "2026-03-01T00:00:00Z", "2026-03-05T12:00:00Z", ALL_3, NO_RUNS);
    assertThat(lines(decisions))
        .containsExactly(
            "2026-03-01 CatchUpLimit",
            "2026-03-02 CatchUpLimit",
            "2026-03-03 catch-up",
            "2026-03-04 catch-up",
            "2026-03-05 catch-up");
  }

  @Test
  void theWindowBoundsTheAge() {
    CatchUp twoDays = new CatchUp(CatchUpPolicy.All, 7, 2 * 86_400);
    assertThat(
            lines(
                decide(
                    rules("0 2 * * *"),
                    "2026-03-01T00:00:00Z",
                    "2026-03-05T02:00:01Z",
                    twoDays,
                    NO_RUNS)))
        .containsExactly(
            "2026-03-01 CatchUpWindow",
            "2026-03-02 CatchUpWindow",
            "2026-03-03 CatchUpWindow",
            "2026-03-04 catch-up",
            "2026-03-05 on time");
    assertThat(
            lines(
                decide(
                    rules("0 2 * * *"),
                    "2026-03-03T00:00:00Z",
                    "2026-03-05T02:00:00Z",
                    twoDays,
                    NO_RUNS)))
        .startsWith("2026-03-03 catch-up");
  }

  @Test
  void datesWithARunDoNotUseUpTheAllowance() {
    Set<String> ran = Set.of("2026-03-04", "2026-03-03");
    TickDecisions decisions =
        decide(
            rules("0 2 * * *"),
            "2026-03-01T00:00:00Z",
            "2026-03-05T12:00:00Z",
            ALL_3,
            ran::contains);
    assertThat(lines(decisions))
        .containsExactly(
            "2026-03-01 catch-up",
            "2026-03-02 catch-up",
            "2026-03-03 DuplicateDate",
            "2026-03-04 DuplicateDate",
            "2026-03-05 catch-up");
    assertThat(decisions.droppedDates()).isZero();
  }

  @Test
  void aDateRunsAtItsFirstTick() {
    assertThat(
            lines(
                decide(
                    rules("0 2 * * *", "1 2 * * *"),
                    "2026-03-01T00:00:00Z",
                    "2026-03-01T02:01:00Z",
                    ALL_3,
                    NO_RUNS)))
        .containsExactly("2026-03-01 on time", "2026-03-01 DuplicateDate");
    assertThat(
            lines(
                decide(
                    rules("0 2,3 * * *"),
                    "2026-03-01T00:00:00Z",
                    "2026-03-03T00:00:00Z",
                    ALL_3,
                    NO_RUNS)))
        .containsExactly(
            "2026-03-01 catch-up",
            "2026-03-01 DuplicateDate",
            "2026-03-02 catch-up",
            "2026-03-02 DuplicateDate");
  }

  @Test
  void aDateWithATickOnTimeIsNotMissed() {
    assertThat(
            lines(
                decide(
                    rules("0 1,5 * * *"),
                    "2026-03-01T00:00:00Z",
                    "2026-03-02T05:00:00Z",
                    LATEST,
                    NO_RUNS)))
        .containsExactly(
            "2026-03-01 catch-up",
            "2026-03-01 DuplicateDate",
            "2026-03-02 DuplicateDate",
            "2026-03-02 on time");
  }

  @Test
  void aSkippedGapLeavesTheDateToAnotherCron() {
    TickRules rules =
        new TickRules(
            ZoneId.of("Europe/Berlin"),
            List.of(CronExpression.parse("30 2 * * *"), CronExpression.parse("5 3 * * *")),
            DateUnit.Day,
            0,
            DstPolicy.Strict,
            null,
            null,
            false);
    assertThat(
            lines(decide(rules, "2026-03-29T00:00:00Z", "2026-03-29T01:05:00Z", LATEST, NO_RUNS)))
        .containsExactly("2026-03-29 DaylightSavingGap", "2026-03-29 on time");
  }

  @Test
  void suspendedTicksAreSkipped() {
    TickDecisions decisions =
        decide(
            rules(DateUnit.Day, true, "0 2 * * *"),
            "2026-03-01T00:00:00Z",
            "2026-03-03T02:00:00Z",
            ALL_3,
            NO_RUNS);
    assertThat(lines(decisions))
        .containsExactly("2026-03-01 Suspended", "2026-03-02 Suspended", "2026-03-03 Suspended");
    assertThat(decisions.droppedDates()).isZero();
  }

  @Test
  void startAndEndBoundTheTicks() {
    TickRules rules =
        new TickRules(
            ZoneId.of("UTC"),
            List.of(CronExpression.parse("0 2 * * *")),
            DateUnit.Day,
            0,
            DstPolicy.RunOnce,
            Instant.parse("2026-03-02T02:00:00Z"),
            Instant.parse("2026-03-04T02:00:00Z"),
            false);
    assertThat(lines(decide(rules, "2026-03-01T00:00:00Z", "2026-03-06T00:00:00Z", ALL_3, NO_RUNS)))
        .containsExactly("2026-03-02 catch-up", "2026-03-03 catch-up");
    assertThat(TickWalk.next(rules, Instant.parse("2026-03-01T00:00:00Z")).orElseThrow().nominal())
        .isEqualTo("2026-03-02T02:00:00Z");
    assertThat(TickWalk.next(rules, Instant.parse("2026-03-03T02:00:00Z"))).isEmpty();
  }

  @Test
  void moreThanTenSkippedTicksAreAGap() {
    TickDecisions ten =
        decide(rules("0 2 * * *"), "2026-03-01T00:00:00Z", "2026-03-11T00:00:00Z", NONE, NO_RUNS);
    assertThat(ten.decided()).hasSize(10);
    assertThat(ten.gaps()).isEmpty();
    TickDecisions eleven =
        decide(rules("0 2 * * *"), "2026-03-01T00:00:00Z", "2026-03-12T02:00:00Z", NONE, NO_RUNS);
    assertThat(lines(eleven)).containsExactly("2026-03-12 on time");
    assertThat(eleven.gaps())
        .containsExactly(
            new TickGap(
                Instant.parse("2026-03-01T02:00:00Z"),
                Instant.parse("2026-03-11T02:00:00Z"),
                11,
                SkipReason.MissedNoCatchUp));
    assertThat(eleven.skipped()).isEqualTo(Map.of(SkipReason.MissedNoCatchUp, 11L));
    assertThat(eleven.droppedDates()).isEqualTo(11);
  }

  @Test
  void aLongAnswerComesInParts() {
    // every second date has a run, so that no two skipped ticks in a row share a reason
    Predicate<String> even = date -> (date.charAt(9) & 1) == 0;
    CatchUp all = new CatchUp(CatchUpPolicy.All, 5, 365_000_000);
    TickRules rules = rules("0 2 * * *");
    Instant now = Instant.parse("2026-03-01T12:00:00Z");
    Instant until = Instant.parse("2016-03-01T00:00:00Z");
    Set<String> ran = new HashSet<>();
    List<Decision> parts = new ArrayList<>();
    TickDecisions part;
    int calls = 0;
    do {
      part =
          TickDecider.decide(rules, until, now, all, date -> even.test(date) || ran.contains(date));
      assertThat(part.decided().size() + part.gaps().size())
          .isLessThanOrEqualTo(TickDecider.MAX_ENTRIES + 20);
      part.decided().stream()
          .filter(Decision.Fired.class::isInstance)
          .forEach(d -> ran.add(d.candidate().businessDate()));
      parts.addAll(part.decided());
      assertThat(part.decidedUntil()).isAfter(until);
      until = part.decidedUntil();
      calls++;
    } while (!part.complete());
    assertThat(calls).isGreaterThan(2);
    assertThat(until).isEqualTo(now);
    assertThat(parts).extracting(d -> d.candidate().nominal()).isSorted().doesNotHaveDuplicates();
    assertThat(parts).hasSize(3653);
    assertThat(ran)
        .containsExactlyInAnyOrder(
            "2026-02-21", "2026-02-23", "2026-02-25", "2026-02-27", "2026-03-01");
  }

  @Test
  void partsDoNotSeparateTicksOfOneInstant() {
    TickRules rules =
        new TickRules(
            ZoneId.of("Europe/Berlin"),
            List.of(CronExpression.parse("*/20 2 * * *")),
            DateUnit.Minute,
            0,
            DstPolicy.RunOnce,
            null,
            null,
            false);
    // of the three ticks that share the end of the gap, each one is the last of a part once
    for (int days = 325; days < 340; days++) {
      Instant until = Instant.parse("2026-03-29T12:00:00Z").minus(Duration.ofDays(days));
      Instant now = Instant.parse("2026-03-30T12:00:00Z");
      int ticks = 0;
      TickDecisions part;
      do {
        part = TickDecider.decide(rules, until, now, NONE, date -> date.endsWith("20"));
        assertThat(part.gaps()).isEmpty();
        ticks += part.decided().size();
        until = part.decidedUntil();
      } while (!part.complete());
      assertThat(ticks).isEqualTo(3 * (days + 1));
    }
  }

  /** Processor time, because the machine may do other work. */
  @Test
  void decides100000MissedTicks() {
    TickRules rules = rules(DateUnit.Minute, false, "* * * * *");
    CatchUp all = new CatchUp(CatchUpPolicy.All, 7, 10_000_000);
    Instant now = Instant.parse("2026-06-01T00:00:00Z");
    Instant after = now.minus(Duration.ofMinutes(100_000));
    TickDecider.decide(rules, after, now, all, NO_RUNS);
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long bytes = threads.getCurrentThreadAllocatedBytes();
    long nanos = threads.getCurrentThreadCpuTime();
    TickDecisions decisions = TickDecider.decide(rules, after, now, all, NO_RUNS);
    Duration took = Duration.ofNanos(threads.getCurrentThreadCpuTime() - nanos);
    bytes = threads.getCurrentThreadAllocatedBytes() - bytes;
    System.out.printf(
        "100,000 missed ticks: %d ms, %d KB allocated%n", took.toMillis(), bytes / 1024);
    assertThat(decisions.skipped()).isEqualTo(Map.of(SkipReason.CatchUpLimit, 99_987L));
    assertThat(decisions.gaps()).hasSize(1);
    assertThat(decisions.decided()).hasSize(13);
    assertThat(took).isLessThan(Duration.ofSeconds(1));
    assertThat(bytes).isLessThan(50_000_000);
  }
}
