/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.luigioperator.ops.BuildInfo;
import io.luigioperator.ops.LedgerHealthCheck;
import io.luigioperator.ops.Metrics;
import io.luigioperator.run.Ageing;
import io.luigioperator.run.ClusterIdentity;
import io.luigioperator.run.RunKey;
import io.luigioperator.sim.SimLedger;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class ClockCheckedLedgerTest {

  private static final RunKey RUN = new RunKey("ns", "run");

  private Instant database = Instant.parse("2026-01-01T00:00:00Z");
  private final Instant host = database;
  private long nanoTime;
  private final DatabaseClock clock =
      new DatabaseClock(() -> host, () -> ++nanoTime, Duration.ofMinutes(15));
  private final Ledger ledger =
      new ClockCheckedLedger(new SimLedger(() -> database, Ageing.DEFAULT), clock);

  static Stream<String> callsThatDependOnTheTime() {
    return Stream.of(
        "now", "load", "due", "expire", "claimsOfSilentClusters", "register", "retire");
  }

  private void call(String name) {
    switch (name) {
      case "now" -> ledger.queries().now();
      case "load" -> ledger.queries().load(List.of(RUN), "one/uid");
      case "due" -> ledger.maintenance().due(1);
      case "expire" -> ledger.maintenance().expire(1);
      case "claimsOfSilentClusters" ->
          ledger.maintenance().claimsOfSilentClusters(Duration.ofSeconds(60), 1);
      case "register" -> ledger.clusters().register(new ClusterIdentity("one", "uid"), true);
      case "retire" -> ledger.clusters().retire("uid", Duration.ofSeconds(60));
      default -> throw new IllegalArgumentException(name);
    }
  }

  @ParameterizedTest
  @MethodSource("callsThatDependOnTheTime")
  void noticesAJumpAtOnce(String name) {
    ledger.queries().now();
    call(name);
    database = database.plusMillis(61_500);
    assertThatThrownBy(() -> call(name))
        .isInstanceOf(LedgerUnavailable.class)
        .hasMessageContaining("61 s ahead");
    database = database.minusMillis(61_500);
    call(name);
  }

  @Test
  void refusesEveryChangeAndShowsWhy() {
    Metrics metrics = new Metrics(new BuildInfo("1", "c"));
    metrics.databaseClockAhead(clock::ahead);
    LedgerHealthCheck health = new LedgerHealthCheck(ledger.queries(), () -> nanoTime);
    ledger.queries().now();
    assertThat(metrics.scrape()).contains("luigi_operator_database_clock_ahead_seconds 0.0");

    database = database.plusMillis(3_600_500);
    assertThat(health.error().orElseThrow()).contains("3600 s ahead", "correct the clock");
    assertThat(metrics.scrape()).contains("luigi_operator_database_clock_ahead_seconds 3600.");
    assertThatThrownBy(() -> ledger.runs().cancel(RUN, "Canceled", ""))
        .isInstanceOf(LedgerUnavailable.class);
    assertThatThrownBy(ledger::attempts).isInstanceOf(LedgerUnavailable.class);
    assertThatThrownBy(ledger::schedules).isInstanceOf(LedgerUnavailable.class);
    // rows may be read: without a time they decide nothing
    assertThat(ledger.queries().openHeads("one/uid", Optional.empty(), 1)).isEmpty();

    database = database.minusMillis(3_600_500);
    ledger.queries().now();
    assertThat(ledger.runs().cancel(RUN, "Canceled", "")).isEmpty();
    assertThat(metrics.scrape()).contains("luigi_operator_database_clock_ahead_seconds 0.0");
    metrics.close();
  }
}
