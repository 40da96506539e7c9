/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ops;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.luigioperator.ledger.Ledger;
import io.luigioperator.ledger.LedgerUnavailable;
import io.luigioperator.run.Ageing;
import io.luigioperator.sim.SimLedger;
import java.time.Instant;
import org.junit.jupiter.api.Test;

class InstrumentedLedgerTest {
  private boolean unavailable;

  private final Ledger store =
      new SimLedger(
          () -> {
            if (unavailable) {
              throw new LedgerUnavailable("MySQL does not answer", null);
            }
            return Instant.EPOCH;
          },
          Ageing.DEFAULT);
  private final Metrics metrics = new Metrics(new BuildInfo("1", "c"));
  private final Ledger ledger =
      new InstrumentedLedger(store, metrics, new RunMetrics(metrics, () -> 0L));

  private void assertCalls(String call, String outcome, int count) {
    assertThat(metrics.scrape().lines())
        .contains(
            "luigi_operator_store_calls_seconds_count{call=\"%s\",outcome=\"%s\",store=\"ledger\"} %d"
                .formatted(call, outcome, count));
  }

  @Test
  void timesCallsByNameAndReturnsTheirResults() {
    assertThat(ledger.queries().now()).isEqualTo(Instant.EPOCH);
    assertThat(ledger.queries().now()).isEqualTo(Instant.EPOCH);
    assertThat(ledger.clusters().heartbeat("here", "uid")).isEqualTo("uid");
    assertCalls("now", "ok", 2);
    assertCalls("heartbeat", "ok", 1);
  }

  @Test
  void countsUnavailabilityAndRethrowsTheError() {
    unavailable = true;
    assertThatThrownBy(() -> ledger.queries().now())
        .isInstanceOf(LedgerUnavailable.class)
        .hasMessage("MySQL does not answer");
    assertCalls("now", "unavailable", 1);
  }
}
