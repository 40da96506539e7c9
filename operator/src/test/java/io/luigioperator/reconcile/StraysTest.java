/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.luigioperator.run.RunKey;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class StraysTest {
  private static final RunKey A = new RunKey("ns", "a");
  private static final RunKey B = new RunKey("ns", "b");

  private final Duty duty = new Duty();
  private final List<RunKey> driven = new CopyOnWriteArrayList<>();
  private final CountDownLatch hold = new CountDownLatch(1);
  private volatile Optional<Duration> again = Optional.empty();

  private final Strays strays =
      new Strays(
          run -> {
            driven.add(run);
            if (run.equals(A)) {
              await().atMost(Duration.ofSeconds(30)).until(() -> hold.getCount() == 0);
            }
            Optional<Duration> answer = again;
            again = Optional.empty();
            return answer;
          },
          duty);

  @AfterEach
  void close() {
    hold.countDown();
    strays.close();
  }

  private void awaitDriven(RunKey... runs) {
    await()
        .atMost(Duration.ofSeconds(30))
        .untilAsserted(() -> assertThat(driven).containsExactly(runs));
  }

  @Test
  void manyWakesOfOneRunBeforeItIsLookedAtAreOne() {
    duty.begin();
    strays.wake(A);
    awaitDriven(A);
    for (int i = 0; i < 100; i++) {
      strays.wake(B);
    }
    hold.countDown();
    strays.wake(A);
    awaitDriven(A, B, A);
  }

  @Test
  void aDriveThatWantsAnotherLookGetsIt() {
    duty.begin();
    again = Optional.of(Duration.ofMillis(1));
    strays.wake(B);
    awaitDriven(B, B);
  }

  @Test
  void aWakeComesBeforeALookPlannedForLater() {
    duty.begin();
    again = Optional.of(Duration.ofHours(1));
    strays.wake(B);
    awaitDriven(B);
    await()
        .atMost(Duration.ofSeconds(30))
        .until(
            () -> {
              strays.wake(B);
              return driven.size() > 1;
            });
  }
}
