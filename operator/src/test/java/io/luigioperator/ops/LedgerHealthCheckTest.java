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
  private int queries;
  private boolean unavailable;
  private Optional<CountDownLatch> slow = Optional.empty();
  private final CountDownLatch querying = new CountDownLatch(1);

  private final LedgerQueries ledger =
      (LedgerQueries)
          Proxy.newProxyInstance(
              LedgerQueries.class.getClassLoader(),
              new Class<?>[] {LedgerQueries.class},
              (proxy, method, args) -> {
                queries++;
                querying.countDown();
                if (slow.isPresent()) {
                  slow.get().await();
                }
                if (unavailable) {
                  throw new LedgerUnavailable("no response");
                }
                return Instant.EPOCH;
              });
  private final LedgerHealthCheck check = new LedgerHealthCheck(ledger, () -> nanos);

  private void later(Duration time) {
    nanos += time.toNanos();
  }

  @Test
  void cachesASuccessForTenSecondsAndAFailureForThree() {
    assertThat(check.error()).isEmpty();
    unavailable = true;
    later(Duration.ofMillis(9_999));
    assertThat(check.error()).isEmpty();
    later(Duration.ofMillis(1));
    assertThat(check.error()).contains("no response");

    unavailable = false;
    later(Duration.ofMillis(2_999));
    assertThat(check.error()).contains("no response");
    assertThat(queries).isEqualTo(2);
    later(Duration.ofMillis(1));
    assertThat(check.error()).isEmpty();
    assertThat(queries).isEqualTo(3);
  }

  @Test
  void onlyOneCallerWaitsForTheDatabase() throws Exception {
    CountDownLatch answer = new CountDownLatch(1);
    slow = Optional.of(answer);
    // own threads, because a task that blocks in the common pool delays others
    try (ExecutorService callers = Executors.newCachedThreadPool()) {
      Future<Optional<String>> first = callers.submit(check::error);
      try {
        assertThat(querying.await(20, TimeUnit.SECONDS)).isTrue();
        Future<Optional<String>> second = callers.submit(check::error);
        assertThat(second.get(20, TimeUnit.SECONDS)).contains("not checked yet");
      } finally {
        answer.countDown();
      }
      assertThat(first.get(20, TimeUnit.SECONDS)).isEmpty();
    }
    assertThat(queries).isEqualTo(1);
  }
}
