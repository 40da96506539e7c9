/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;

class LeaderGateTest {
  private final LeaderGate leaderGate = new LeaderGate();

  @Test
  void noWorkStartsWithoutLeadership() {
    AtomicBoolean done = new AtomicBoolean();
    assertThat(leaderGate.ifLeading(() -> done.getAndSet(true))).isEmpty();
    leaderGate.open();
    assertThat(leaderGate.ifLeading(() -> done.getAndSet(true))).contains(false);
    leaderGate.close();
    assertThat(leaderGate.ifLeading(() -> "x")).isEmpty();
  }

  @Test
  void workInProgressFinishesAfterLeadershipIsLost() throws InterruptedException {
    leaderGate.open();
    CountDownLatch begun = new CountDownLatch(1);
    CountDownLatch hang = new CountDownLatch(1);
    AtomicBoolean finished = new AtomicBoolean();
    Thread worker =
        Thread.ofPlatform()
            .start(
                () ->
                    leaderGate.ifLeading(
                        () -> {
                          begun.countDown();
                          awaitUninterruptibly(hang);
                          return finished.getAndSet(true);
                        }));
    begun.await();
    leaderGate.close();
    assertThat(leaderGate.awaitIdle(Duration.ofMillis(10))).isEqualTo(1);
    hang.countDown();
    assertThat(leaderGate.awaitIdle(Duration.ofSeconds(30))).isZero();
    assertThat(finished).isTrue();
    worker.join();
  }

  @Test
  void failedWorkIsNotInProgress() throws InterruptedException {
    leaderGate.open();
    assertThatThrownBy(
            () ->
                leaderGate.ifLeading(
                    () -> {
                      throw new IllegalStateException("thrown by the test");
                    }))
        .isInstanceOf(IllegalStateException.class);
    assertThat(leaderGate.awaitIdle(Duration.ofMillis(1))).isZero();
  }

  private static void awaitUninterruptibly(CountDownLatch latch) {
    await().atMost(Duration.ofSeconds(30)).until(() -> latch.getCount() == 0);
  }
}
