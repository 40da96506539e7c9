/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.schedule;

import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.api.DateUnit;
import io.luigioperator.api.DstPolicy;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.time.temporal.ChronoUnit;
import java.time.zone.ZoneOffsetTransition;
import java.time.zone.ZoneRules;
import java.time.zone.ZoneRulesProvider;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.atomic.LongAdder;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * Compares {@link TickWalk} with {@link TickOracle}, two days before to two days after every change
 * of the clock in every zone of the tz database. Zones whose clocks agree in these years are
 * computed once.
 *
 * <p>{@code -Dticks.rules=all} takes many more sets of rules, {@code -Dticks.firstYear} (default
 * 2020) and {@code -Dticks.lastYear} (default 2030) other years.
 */
class TickOracleTest {

  private static final int FIRST_YEAR = Integer.getInteger("ticks.firstYear", 2020);
  private static final int LAST_YEAR = Integer.getInteger("ticks.lastYear", 2030);
  private static final int DAYS = 2;
  private static final int SPAN_MINUTES = 2 * DAYS * 24 * 60;

  private record Rules(List<String> crons, DstPolicy policy, DateUnit unit, int offset) {

    static Rules of(DstPolicy policy, DateUnit unit, int offset, String... crons) {
      return new Rules(List.of(crons), policy, unit, offset);
    }

    TickRules in(ZoneId zone) {
      return new TickRules(
          zone,
          crons.stream().map(CronExpression::parse).toList(),
          unit,
          offset,
          policy,
          null,
          null,
          false);
    }

    List<TickOracle.Rule> forOracle() {
      return crons.stream().map(TickOracle.Rule::new).toList();
    }
  }

  private static final List<Rules> USUAL =
      List.of(
          Rules.of(DstPolicy.RunOnce, DateUnit.Day, -1, "0 0 * * *"),
          Rules.of(DstPolicy.Strict, DateUnit.Day, -1, "0 0 * * *", "30 2 * * *"),
          Rules.of(DstPolicy.RunOnce, DateUnit.Day, 0, "30 2 * * *", "15 0-3 * * *"),
          Rules.of(DstPolicy.RunOnce, DateUnit.Month, -1, "7,37 0,1,2,23 1-15,31 * 6,7"),
          Rules.of(DstPolicy.RunOnce, DateUnit.Hour, -1, "0 * * * *"),
          Rules.of(DstPolicy.Strict, DateUnit.Hour, 1, "*/30 * * * *", "45 2 * * *"),
          Rules.of(DstPolicy.RunOnce, DateUnit.Minute, -45, "*/15 * * * *", "10 */2 * * *"));

  private static List<Rules> all() {
    List<Rules> all = new ArrayList<>();
    for (DstPolicy policy : DstPolicy.values()) {
      for (DateUnit unit : DateUnit.values()) {
        for (int offset : new int[] {-90, -2, -1, 0, 1, 75}) {
          all.add(Rules.of(policy, unit, offset, "0 0 * * *"));
          all.add(Rules.of(policy, unit, offset, "59 23 * * *", "*/20 1,2 * * *"));
          all.add(Rules.of(policy, unit, offset, "30 2 * * 0", "0 * * * 1-6", "0 3 1-7 * 7"));
          all.add(Rules.of(policy, unit, offset, "*/7 * * * *"));
          all.add(Rules.of(policy, unit, offset, "5-55/10 */3 */2 3-11 1-5", "1 0-4 * * *"));
        }
      }
    }
    return all;
  }

  private static final Instant FROM = Instant.parse(FIRST_YEAR + "-01-01T00:00:00Z");
  private static final Instant TO = Instant.parse(LAST_YEAR + "-12-31T00:00:00Z");

  /** What a clock does in these years; many zones differ only in other years. */
  private record Clock(ZoneOffset first, List<ZoneOffsetTransition> changes) {

    static Clock of(ZoneId zone) {
      ZoneRules rules = zone.getRules();
      Instant from = FROM.minus(30, ChronoUnit.DAYS);
      List<ZoneOffsetTransition> changes = new ArrayList<>();
      ZoneOffsetTransition change = rules.nextTransition(from);
      while (change != null && change.getInstant().isBefore(TO.plus(30, ChronoUnit.DAYS))) {
        changes.add(change);
        change = rules.nextTransition(change.getInstant());
      }
      return new Clock(rules.getOffset(from), changes);
    }

    /** The changes of these years; without one, some moment. */
    List<Instant> moments() {
      List<Instant> moments =
          changes.stream()
              .map(ZoneOffsetTransition::getInstant)
              .filter(t -> t.isAfter(FROM) && t.isBefore(TO))
              .toList();
      return moments.isEmpty() ? List.of(FROM.plus(150, ChronoUnit.DAYS)) : moments;
    }
  }

  private static Map<Clock, List<ZoneId>> zones() {
    Map<Clock, List<ZoneId>> zones = new LinkedHashMap<>();
    for (String id : new TreeSet<>(ZoneRulesProvider.getAvailableZoneIds())) {
      if (!id.startsWith(ChangingZone.PREFIX)) {
        ZoneId zone = ZoneId.of(id);
        zones.computeIfAbsent(Clock.of(zone), clock -> new ArrayList<>()).add(zone);
      }
    }
    return zones;
  }

  @Test
  void agreesWithTheOracleAroundEveryChangeOfTheClock() {
    List<Rules> rules = "all".equals(System.getProperty("ticks.rules")) ? all() : USUAL;
    Map<Clock, List<ZoneId>> zones = zones();
    LongAdder ticks = new LongAdder();
    LongAdder spans = new LongAdder();
    long start = System.nanoTime();
    zones.entrySet().parallelStream()
        .forEach(
            zone -> {
              for (Instant change : zone.getKey().moments()) {
                ticks.add(compare(zone.getValue().getFirst(), change, rules));
                spans.increment();
              }
            });
    int ids = zones.values().stream().mapToInt(List::size).sum();
    System.out.printf(
        "ticks: %d zones with %d different clocks, %d to %d, %,d spans of %d days, %d sets of crons: %,d ticks compared in %d s (tz database %s)%n",
        ids,
        zones.size(),
        FIRST_YEAR,
        LAST_YEAR,
        spans.sum(),
        2 * DAYS,
        rules.size(),
        ticks.sum(),
        Duration.ofNanos(System.nanoTime() - start).toSeconds(),
        TimeZones.version());
    assertThat(ids).isGreaterThan(500);
    assertThat(spans.sum()).isGreaterThan(500);
    assertThat(ticks.sum()).isGreaterThan(100L * spans.sum());
  }

  private static long compare(ZoneId zone, Instant change, List<Rules> rules) {
    Instant after = change.truncatedTo(ChronoUnit.MINUTES).minus(DAYS, ChronoUnit.DAYS);
    Instant until = after.plusSeconds(60L * SPAN_MINUTES);
    TickOracle oracle = new TickOracle(zone.getRules(), after, SPAN_MINUTES, margin(rules));
    long count = 0;
    for (Rules rule : rules) {
      List<TickOracle.Tick> expected =
          oracle.ticks(rule.forOracle(), rule.policy(), rule.unit(), rule.offset());
      TickRules tickRules = rule.in(zone);
      assertThat(walk(tickRules, after, until))
          .describedAs("%s around %s: %s", zone, change, rule)
          .isEqualTo(expected);
      // the same in parts, as if ticks were decided at these moments
      List<TickOracle.Tick> parts = new ArrayList<>();
      Instant last = after;
      for (Instant moment : moments(change, until)) {
        parts.addAll(walk(tickRules, last, moment));
        last = moment;
      }
      assertThat(parts)
          .describedAs("%s around %s, in parts: %s", zone, change, rule)
          .isEqualTo(expected);
      count += expected.size();
    }
    return count;
  }

  /** A day more than the farthest offset of hours or minutes. */
  private static int margin(List<Rules> rules) {
    int farthest =
        rules.stream()
            .mapToInt(
                r ->
                    Math.abs(r.offset())
                        * switch (r.unit()) {
                          case Hour -> 60;
                          case Minute -> 1;
                          case Month, Day -> 0;
                        })
            .max()
            .orElseThrow();
    return farthest + 24 * 60;
  }

  private static List<Instant> moments(Instant change, Instant until) {
    return Stream.concat(
            Stream.of(-3600, -1800, -60, 0, 1, 60, 900, 1800, 3599, 3600, 5400, 7200)
                .map(change::plusSeconds),
            Stream.of(until))
        .toList();
  }

  private static List<TickOracle.Tick> walk(TickRules rules, Instant after, Instant until) {
    List<TickOracle.Tick> ticks = new ArrayList<>();
    TickWalk.of(rules, after, until)
        .forEachRemaining(
            c -> ticks.add(new TickOracle.Tick(c.nominal(), c.businessDate(), c.skip() == null)));
    return ticks;
  }

  /** No zone misses or doubles a date in all these years, whatever its clocks do. */
  @Test
  void everyDateRunsExactlyOnce() {
    long days = ChronoUnit.DAYS.between(FROM, TO);
    LongAdder dates = new LongAdder();
    zones().values().parallelStream()
        .forEach(
            same -> {
              for (String cron : List.of("0 0 * * *", "30 2 * * *", "59 23 * * *")) {
                TickRules rules =
                    Rules.of(DstPolicy.RunOnce, DateUnit.Day, 0, cron).in(same.getFirst());
                List<String> run = new ArrayList<>();
                TickWalk.of(rules, FROM, TO).forEachRemaining(c -> run.add(c.businessDate()));
                assertThat(run).describedAs(same + " " + cron).isSorted().doesNotHaveDuplicates();
                long span =
                    ChronoUnit.DAYS.between(
                        LocalDate.parse(run.getFirst()), LocalDate.parse(run.getLast()));
                assertThat(run).describedAs(same + " " + cron).hasSize((int) span + 1);
                assertThat(span + 1).isBetween(days - 2, days + 2);
                dates.add(run.size());
              }
            });
    System.out.printf("ticks: %,d business dates, each exactly once%n", dates.sum());
  }

  /** Nor does an hourly cron lose an hour that the clock shows. */
  @Test
  void everyHourHasATick() {
    Instant to = FROM.plus(800, ChronoUnit.DAYS);
    zones().values().parallelStream()
        .map(List::getFirst)
        .forEach(
            zone -> {
              Set<String> shown = new TreeSet<>();
              DateTimeFormatter hour = DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HH");
              for (Instant t = FROM; !t.isAfter(to); t = t.plus(30, ChronoUnit.MINUTES)) {
                shown.add(hour.format(t.atZone(zone)));
              }
              for (String cron : List.of("0 * * * *", "45 * * * *")) {
                Set<String> ticks = new TreeSet<>();
                TickWalk.of(
                        Rules.of(DstPolicy.RunOnce, DateUnit.Hour, 0, cron).in(zone),
                        FROM.minusSeconds(3600),
                        to.plusSeconds(3600))
                    .forEachRemaining(c -> ticks.add(c.businessDate()));
                Set<String> lost = new TreeSet<>(shown);
                lost.removeAll(ticks);
                assertThat(lost).describedAs(zone + " " + cron).isEmpty();
                assertThat(ticks.size()).isBetween(shown.size(), shown.size() + 2);
              }
            });
  }
}
