/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import io.luigioperator.run.ClientHealth.State;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The health of a client by its newest dates. A row lists the dates, the newest first, each with a
 * letter for each run: S succeeded, F failed, C canceled; R ready, D delayed, H held, A active.
 */
class ClientHealthTest {
  private static final Instant T0 = Instant.parse("2026-11-30T02:00:00Z");

  /** Runs named by their date and their place in it, such as 2026-11-30-1. */
  static List<DatedRun> runs(String dates) {
    List<DatedRun> runs = new ArrayList<>();
    int day = 30;
    for (String date : dates.isBlank() ? new String[0] : dates.strip().split(" +")) {
      for (int i = 0; i < date.length(); i++) {
        runs.add(run("2026-11-%02d".formatted(day), i + 1, state(date.charAt(i))));
      }
      day--;
    }
    return runs;
  }

  private static DatedRun run(String date, int number, RunState state) {
    return new DatedRun(
        date,
        new RunKey("data", date + "-" + number),
        state,
        state.name(),
        "",
        state.isFinal() ? Optional.of(T0.plusSeconds(number)) : Optional.empty());
  }

  private static RunState state(char letter) {
    return switch (letter) {
      case 'S' -> RunState.SUCCEEDED;
      case 'F' -> RunState.FAILED;
      case 'C' -> RunState.CANCELED;
      case 'R' -> RunState.READY;
      case 'D' -> RunState.DELAYED;
      case 'H' -> RunState.HELD;
      case 'A' -> RunState.ACTIVE;
      default -> throw new IllegalArgumentException("no state: " + letter);
    };
  }

  static Stream<Arguments> tables() {
    return Stream.of(
        // no date has ended
        arguments("", "OK 0 -"),
        arguments("R", "OK 1 - pending"),
        arguments("R A", "LAGGING 2 - pending"),
        arguments("D H A", "LAGGING 3 - pending"),
        // the newest date that has ended
        arguments("S", "OK 0 2026-11-30-1"),
        arguments("F", "FAILING 1 2026-11-30-1"),
        arguments("S F F", "OK 0 2026-11-30-1"),
        arguments("F S", "FAILING 1 2026-11-30-1"),
        arguments("F F F S F", "FAILING 3 2026-11-30-1"),
        arguments("A S", "OK 1 2026-11-29-1 pending"),
        arguments("A F S", "FAILING 2 2026-11-29-1 pending"),
        arguments("A R S", "LAGGING 2 2026-11-28-1 pending"),
        arguments("A R F", "FAILING 3 2026-11-28-1 pending"),
        arguments("F A S", "FAILING 2 2026-11-30-1 pending"),
        // older dates than the newest one that has succeeded
        arguments("S A A", "OK 0 2026-11-30-1"),
        arguments("A S F A", "OK 1 2026-11-29-1 pending"),
        // several runs of a date
        arguments("FS", "OK 0 2026-11-30-2"),
        arguments("SF", "OK 0 2026-11-30-1"),
        arguments("FA S", "FAILING 1 2026-11-30-1 pending"),
        arguments("FF S", "FAILING 1 2026-11-30-2"),
        arguments("SA", "OK 0 2026-11-30-1"),
        arguments("AS F", "OK 0 2026-11-30-2"),
        arguments("SS", "OK 0 2026-11-30-2"),
        arguments("FC S", "FAILING 1 2026-11-30-1"),
        arguments("CA S", "OK 1 2026-11-29-1 pending"),
        arguments("CS F", "OK 0 2026-11-30-2"),
        // canceled runs alone are neutral
        arguments("C", "OK 0 -"),
        arguments("C C C", "OK 0 -"),
        arguments("C S", "OK 0 2026-11-29-1"),
        arguments("CC C S", "OK 0 2026-11-28-1"),
        arguments("C F S", "FAILING 1 2026-11-29-1"),
        arguments("A C S", "OK 1 2026-11-28-1 pending"),
        arguments("A C R C S", "LAGGING 2 2026-11-26-1 pending"));
  }

  @ParameterizedTest(name = "{0} is {1}")
  @MethodSource("tables")
  void healthOfTheDates(String dates, String expected) {
    ClientHealth health = ClientHealth.of(runs(dates));
    assertThat(
            "%s %d %s%s"
                .formatted(
                    health.state(),
                    health.datesBehind(),
                    health.lastEnded().map(run -> run.key().name()).orElse("-"),
                    health.pending() ? " pending" : ""))
        .isEqualTo(expected);
  }

  @ParameterizedTest
  @CsvSource({
    "'',      4, true",
    "F F F,   4, true",
    "F F F F, 4, false",
    "C C C C, 4, false",
    "FAFF,    4, false",
    "F F F S, 4, true",
    "S F F F, 4, true",
    "FFFS,    4, true"
  })
  void runsAreConclusiveIfNoneIsMissingOrOneHasSucceeded(
      String dates, int limit, boolean conclusive) {
    assertThat(ClientHealth.isConclusive(runs(dates), limit)).isEqualTo(conclusive);
  }

  /** Otherwise reading few runs first would give another result. */
  @ParameterizedTest
  @MethodSource("tables")
  void moreRunsDoNotChangeWhatIsConclusive(String dates, String expected) {
    List<DatedRun> all = runs(dates);
    for (int limit = 1; limit <= all.size(); limit++) {
      List<DatedRun> some = all.subList(0, limit);
      if (ClientHealth.isConclusive(some, limit)) {
        ClientHealth few = ClientHealth.of(some);
        ClientHealth many = ClientHealth.of(all);
        assertThat(few.state()).isEqualTo(many.state());
        assertThat(few.datesBehind()).isEqualTo(many.datesBehind());
        assertThat(few.pending()).isEqualTo(many.pending());
      }
    }
  }

  @Test
  void atMostAHundredDatesAreLookedAt() {
    List<DatedRun> failed = new ArrayList<>();
    for (int i = 0; i < 101; i++) {
      failed.add(run("%04d-01".formatted(2300 - i), 1, RunState.FAILED));
    }
    failed.add(run("2000-01", 1, RunState.SUCCEEDED));
    assertThat(ClientHealth.of(failed.subList(2, 102)).datesBehind()).isEqualTo(99);
    assertThat(ClientHealth.of(failed.subList(1, 102)).datesBehind()).isEqualTo(100);
    assertThat(ClientHealth.of(failed).datesBehind()).isEqualTo(100);

    List<DatedRun> open = new ArrayList<>();
    for (int i = 0; i < 100; i++) {
      open.add(run("%04d-01".formatted(2300 - i), 1, RunState.HELD));
    }
    open.add(run("2000-01", 1, RunState.FAILED));
    assertThat(ClientHealth.of(open).state()).isEqualTo(State.LAGGING);
    assertThat(ClientHealth.of(open).lastEnded()).isEmpty();
  }
}
