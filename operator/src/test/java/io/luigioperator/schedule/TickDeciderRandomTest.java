/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.schedule;

import static java.util.stream.Collectors.counting;
import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.api.CatchUpPolicy;
import io.luigioperator.api.DateUnit;
import io.luigioperator.api.DstPolicy;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/**
 * Random schedules that are decided at random moments, on time and after long outages, compared
 * with a plain decider that has all ticks in a list.
 */
class TickDeciderRandomTest {

  private static final List<String> ZONES =
      List.of("UTC", "Europe/Berlin", "Africa/Cairo", "America/Havana", "Australia/Lord_Howe");
  private static final List<String> CRONS =
      List.of(
          "0 2 * * *",
          "30 2 * * *",
          "0 0 * * *",
          "0 */6 * * *",
          "0 * * * *",
          "*/20 * * * *",
          "15 1-4 * * 1-5",
          "0 3 1 * *");
  private static final Instant START = Instant.parse("2026-03-01T00:00:00Z");

  private static <T> T any(Random random, List<T> values) {
    return values.get(random.nextInt(values.size()));
  }

  private static TickRules rules(Random random) {
    List<CronExpression> crons = new ArrayList<>();
    for (int i = random.nextInt(3); i >= 0; i--) {
      crons.add(CronExpression.parse(any(random, CRONS)));
    }
    return new TickRules(
        ZoneId.of(any(random, ZONES)),
        crons,
        any(random, List.of(DateUnit.values())),
        random.nextInt(3) - 1,
        any(random, List.of(DstPolicy.values())),
        null,
        null,
        random.nextInt(10) == 0);
  }

  private static CatchUp catchUp(Random random) {
    return new CatchUp(
        any(random, List.of(CatchUpPolicy.values())),
        1 + random.nextInt(8),
        any(random, List.of(3_600, 86_400, 604_800, 90 * 86_400)));
  }

  /** Mostly soon after the last moment, sometimes days or weeks. */
  private static Duration pause(Random random) {
    return switch (random.nextInt(10)) {
      case 0 -> Duration.ofSeconds(random.nextInt(40 * 86_400));
      case 1, 2 -> Duration.ofSeconds(random.nextInt(3 * 86_400));
      default -> Duration.ofSeconds(random.nextInt(7_200));
    };
  }

  private record Outcome(Instant time, String date, String outcome) {

    boolean runs() {
      return outcome.equals("on time") || outcome.equals("catch-up");
    }
  }

  private static List<Outcome> plain(
      TickRules rules, Instant after, Instant now, CatchUp catchUp, Set<String> fired) {
    List<Candidate> all = new ArrayList<>();
    TickWalk.of(rules, after, now).forEachRemaining(all::add);
    Instant onTime = now.minusSeconds(300);
    Instant window = now.minusSeconds(catchUp.windowSeconds());
    Set<String> datesOnTime = new HashSet<>();
    TreeSet<String> missed = new TreeSet<>();
    for (Candidate c : all) {
      if (c.skip() == null && !fired.contains(c.businessDate())) {
        if (!c.nominal().isBefore(onTime)) {
          datesOnTime.add(c.businessDate());
        } else if (!c.nominal().isBefore(window)) {
          missed.add(c.businessDate());
        }
      }
    }
    missed.removeAll(datesOnTime);
    int allowance =
        switch (catchUp.policy()) {
          case None -> 0;
          case Latest -> 1;
          case All -> catchUp.maxRuns();
        };
    while (missed.size() > allowance) {
      missed.pollFirst();
    }
    List<Outcome> outcomes = new ArrayList<>();
    for (Candidate c : all) {
      String date = c.businessDate();
      boolean late = c.nominal().isBefore(onTime);
      String outcome;
      if (rules.suspended()) {
        outcome = "Suspended";
      } else if (c.skip() != null) {
        outcome = c.skip().name();
      } else if (fired.contains(date) || late && datesOnTime.contains(date)) {
        outcome = "DuplicateDate";
      } else if (!late) {
        outcome = "on time";
      } else if (catchUp.policy() == CatchUpPolicy.None) {
        outcome = "MissedNoCatchUp";
      } else if (c.nominal().isBefore(window)) {
        outcome = "CatchUpWindow";
      } else if (missed.contains(date)) {
        outcome = "catch-up";
      } else {
        outcome = catchUp.policy() == CatchUpPolicy.Latest ? "MissedNotLatest" : "CatchUpLimit";
      }
      Outcome decided = new Outcome(c.nominal(), date, outcome);
      if (decided.runs()) {
        assertThat(fired.add(date)).isTrue();
      }
      outcomes.add(decided);
    }
    return outcomes;
  }

  /** All parts of an answer. */
  private record Answer(List<Outcome> decided, List<TickGap> gaps, Map<String, Long> skipped) {}

  /** Dates that fire are added to those that have fired. */
  private static Answer decide(
      TickRules rules, Instant after, Instant now, CatchUp catchUp, Set<String> fired) {
    Answer answer = new Answer(new ArrayList<>(), new ArrayList<>(), new TreeMap<>());
    Instant from = after;
    TickDecisions part;
    do {
      part = TickDecider.decide(rules, from, now, catchUp, fired::contains);
      for (Decision decision : part.decided()) {
        Candidate c = decision.candidate();
        String outcome =
            switch (decision) {
              case Decision.Fired f -> {
                assertThat(fired.add(c.businessDate())).isTrue();
                yield f.catchUp() ? "catch-up" : "on time";
              }
              case Decision.Skipped s -> s.reason().name();
            };
        answer.decided.add(new Outcome(c.nominal(), c.businessDate(), outcome));
      }
      answer.gaps.addAll(part.gaps());
      part.skipped().forEach((reason, n) -> answer.skipped.merge(reason.name(), n, Long::sum));
      from = part.decidedUntil();
    } while (!part.complete());
    assertThat(from).isEqualTo(now);
    return answer;
  }

  private static void compare(Answer answer, List<Outcome> expected) {
    assertThat(answer.decided.stream().filter(Outcome::runs))
        .isEqualTo(expected.stream().filter(Outcome::runs).toList());
    Set<Outcome> unexpected = new HashSet<>(answer.decided);
    unexpected.removeAll(new HashSet<>(expected));
    assertThat(unexpected).isEmpty();
    assertThat(answer.skipped)
        .isEqualTo(
            expected.stream()
                .filter(o -> !o.runs())
                .collect(Collectors.groupingBy(Outcome::outcome, counting())));
    long inGaps = 0;
    for (TickGap gap : answer.gaps) {
      List<Outcome> same =
          expected.stream()
              .filter(o -> o.outcome().equals(gap.reason().name()))
              .filter(o -> !o.time().isBefore(gap.from()) && !o.time().isAfter(gap.to()))
              .toList();
      assertThat(same.getFirst().time()).isEqualTo(gap.from());
      assertThat(same.getLast().time()).isEqualTo(gap.to());
      assertThat(gap.count()).isBetween(11L, (long) same.size());
      inGaps += gap.count();
    }
    assertThat(answer.decided.size() + inGaps).isEqualTo(expected.size());
  }

  @Test
  void agreesWithAPlainDecider() {
    int ticks = 0;
    int runs = 0;
    for (int seed = 0; seed < 400; seed++) {
      Random random = new Random(seed);
      TickRules rules = rules(random);
      CatchUp catchUp = catchUp(random);
      Set<String> fired = new HashSet<>();
      Set<String> firedPlain = new HashSet<>();
      Instant last = START;
      for (int step = 0; step < 30; step++) {
        Instant now = last.plus(pause(random));
        List<Outcome> expected = plain(rules, last, now, catchUp, firedPlain);
        Answer answer = decide(rules, last, now, catchUp, fired);
        try {
          compare(answer, expected);
        } catch (AssertionError e) {
          throw new AssertionError(
              "seed %d, step %d: %s, %s, until %s".formatted(seed, step, rules, catchUp, now), e);
        }
        ticks += expected.size();
        last = now;
      }
      runs += fired.size();
    }
    System.out.printf("tick decisions: %,d compared, %,d runs%n", ticks, runs);
    assertThat(ticks).isGreaterThan(100_000);
    assertThat(runs).isGreaterThan(3_000);
  }
}
