/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ops;

import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.ledger.LedgerQueries;
import io.luigioperator.ledger.LedgerUnavailable;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class LedgerHealthCheckTest {
  private long nanos;
  private int asked;
  private boolean away;
  private Optional<CountDownLatch> slow = Optional.empty();
  private final CountDownLatch asking = new CountDownLatch(1);

  private final LedgerQueries ledger =
      (LedgerQueries)
          Proxy.newProxyInstance(
              LedgerQueries.class.getClassLoader(),
              new Class<?>[] {LedgerQueries.class},
              (proxy, method, args) -> {
                asked++;
                asking.countDown();
                if (slow.isPresent()) {
                  slow.get().await();
                }
                if (away) {
                  throw new LedgerUnavailable("no answer");
                }
                return Instant.EPOCH;
              });
  private final LedgerHealthCheck reach = new LedgerHealthCheck(ledger, () -> nanos);

  private void later(Duration time) {
    nanos += time.toNanos();
  }

  @Test
  void aSuccessIsBelievedForTenSecondsAndAFailureForThree() {
    assertThat(reach.problem()).isEmpty();
    away = true;
    later(Duration.ofMillis(9_999));
    assertThat(reach.problem()).isEmpty();
    later(Duration.ofMillis(1));
    assertThat(reach.problem()).contains("no answer");

    away = false;
    later(Duration.ofMillis(2_999));
    assertThat(reach.problem()).contains("no answer");
    assertThat(asked).isEqualTo(2);
    later(Duration.ofMillis(1));
    assertThat(reach.problem()).isEmpty();
    assertThat(asked).isEqualTo(3);
  }

  @Test
  void oneCallerWaitsForTheAnswerAndTheOthersForNothing() throws Exception {
    CountDownLatch answer = new CountDownLatch(1);
    slow = Optional.of(answer);
    // threads of their own: whoever waits in the common pool holds up everybody else there
    try (ExecutorService callers = Executors.newCachedThreadPool()) {
      Future<Optional<String>> first = callers.submit(reach::problem);
      try {
        assertThat(asking.await(20, TimeUnit.SECONDS)).isTrue();
        Future<Optional<String>> second = callers.submit(reach::problem);
        assertThat(second.get(20, TimeUnit.SECONDS)).contains("not asked yet");
      } finally {
        answer.countDown();
      }
      assertThat(first.get(20, TimeUnit.SECONDS)).isEmpty();
    }
    assertThat(asked).isEqualTo(1);
  }
}
