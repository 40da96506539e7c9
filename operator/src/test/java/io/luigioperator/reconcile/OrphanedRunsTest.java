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

class OrphanedRunsTest {
  private static final RunKey A = new RunKey("ns", "a");
  private static final RunKey B = new RunKey("ns", "b");

  private final LeaderGate leaderGate = new LeaderGate();
  private final List<RunKey> driven = new CopyOnWriteArrayList<>();
  private final CountDownLatch hold = new CountDownLatch(1);
  private volatile Optional<Duration> again = Optional.empty();

  private final OrphanedRuns orphanedRuns =
      new OrphanedRuns(
          run -> {
            driven.add(run);
            if (run.equals(A)) {
              await().atMost(Duration.ofSeconds(30)).until(() -> hold.getCount() == 0);
            }
            Optional<Duration> answer = again;
            again = Optional.empty();
            return answer;
          },
          leaderGate);

  @AfterEach
  void close() {
    hold.countDown();
    orphanedRuns.close();
  }

  private void awaitDriven(RunKey... runs) {
    await()
        .atMost(Duration.ofSeconds(30))
        .untilAsserted(() -> assertThat(driven).containsExactly(runs));
  }

  @Test
  void manyWakesOfOneRunBeforeItIsLookedAtAreOne() {
    leaderGate.open();
    orphanedRuns.wake(A);
    awaitDriven(A);
    for (int i = 0; i < 100; i++) {
      orphanedRuns.wake(B);
    }
    hold.countDown();
    orphanedRuns.wake(A);
    awaitDriven(A, B, A);
  }

  @Test
  void aDriveThatWantsAnotherLookGetsIt() {
    leaderGate.open();
    again = Optional.of(Duration.ofMillis(1));
    orphanedRuns.wake(B);
    awaitDriven(B, B);
  }

  @Test
  void aWakeComesBeforeALookPlannedForLater() {
    leaderGate.open();
    again = Optional.of(Duration.ofHours(1));
    orphanedRuns.wake(B);
    awaitDriven(B);
    await()
        .atMost(Duration.ofSeconds(30))
        .until(
            () -> {
              orphanedRuns.wake(B);
              return driven.size() > 1;
            });
  }
}
