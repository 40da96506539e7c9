/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.api.AttentionStatus;
import io.luigioperator.run.TickSummary.Problem;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** What the status says about the clients of a schedule. */
class HealthSummaryTest {
  private static final Problem PROBLEM =
      new Problem("CronInvalid", "client x: its cron is invalid");

  private static ClientHealth health(String dates) {
    return ClientHealth.of(ClientHealthTest.runs(dates));
  }

  private static List<String> attention(HealthSummary summary) {
    return summary.attention().stream()
        .map(a -> "%s %s %d".formatted(a.client(), a.reason(), a.datesBehind()))
        .toList();
  }

  @Test
  void theWorstClientsComeFirst() {
    HealthSummary summary =
        HealthSummary.of(
            Map.of(
                "fine", health("S"),
                "new", health(""),
                "slow", health("A R S"),
                "slower", health("A R R R R R S"),
                "b-failing", health("F S"),
                "a-failing", health("F S"),
                "failing-for-long", health("F F F S"),
                "invalid", health("S"),
                "invalid-and-behind", health("A S")),
            Map.of("invalid", PROBLEM, "invalid-and-behind", PROBLEM));
    assertThat(attention(summary))
        .containsExactly(
            "failing-for-long Failing 3",
            "a-failing Failing 1",
            "b-failing Failing 1",
            "slower Lagging 6",
            "slow Lagging 2",
            "invalid-and-behind Invalid 1",
            "invalid Invalid 0");
    assertThat(summary)
        .extracting(
            HealthSummary::ok, HealthSummary::failing, HealthSummary::lagging, HealthSummary::ended)
        .containsExactly(2, 3, 2, 8);
  }

  /** Its runs of before the error may still fail. */
  @Test
  void aClientThatFailsAndIsInvalidIsNamedOnceAsFailing() {
    HealthSummary summary =
        HealthSummary.of(Map.of("x", health("F"), "y", health("S")), Map.of("x", PROBLEM));
    assertThat(attention(summary)).containsExactly("x Failing 1");
    assertThat(summary.ok()).isEqualTo(1);
  }

  @Test
  void aClientWithoutAnyRunMayBeInvalid() {
    HealthSummary summary = HealthSummary.of(Map.of("x", health("")), Map.of("x", PROBLEM));
    assertThat(summary.attention())
        .containsExactly(
            new AttentionStatus("x", "Invalid", 0, null, null, "client x: its cron is invalid"));
    assertThat(summary.ok()).isZero();
    assertThat(summary.ended()).isZero();
  }

  @Test
  void theEntryNamesTheRunAndHowItEnded() {
    DatedRun failed =
        new DatedRun(
            "2026-11-30",
            new RunKey("data", "nightly-acme-2026-11-30"),
            RunState.FAILED,
            "TaskFailed",
            "x".repeat(1000),
            Optional.of(Instant.EPOCH));
    AttentionStatus entry =
        HealthSummary.of(Map.of("acme", ClientHealth.of(List.of(failed))), Map.of())
            .attention()
            .getFirst();
    assertThat(entry.date()).isEqualTo("2026-11-30");
    assertThat(entry.run()).isEqualTo("nightly-acme-2026-11-30");
    assertThat(entry.message()).startsWith("TaskFailed: xxx").endsWith("…").hasSize(256);
    assertThat(HealthSummary.of(Map.of("acme", health("R R")), Map.of()).attention())
        .containsExactly(new AttentionStatus("acme", "Lagging", 2, null, null, null));
  }

  @Test
  void atMostTwentyAreNamedAndAllAreCounted() {
    Map<String, ClientHealth> clients = new HashMap<>();
    for (int i = 0; i < 500; i++) {
      clients.put("c%03d".formatted(i), health(i % 2 == 0 ? "F" : "A A"));
    }
    HealthSummary summary = HealthSummary.of(clients, Map.of());
    assertThat(summary.attention())
        .hasSize(20)
        .extracting(AttentionStatus::client)
        .startsWith("c000", "c002");
    assertThat(summary.failing()).isEqualTo(250);
    assertThat(summary.lagging()).isEqualTo(250);
    assertThat(summary.ok()).isZero();
    assertThat(summary.worst("Failing", 3)).containsExactly("c000", "c002", "c004");
  }
}
