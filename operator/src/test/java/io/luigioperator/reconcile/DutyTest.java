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

class DutyTest {
  private final Duty duty = new Duty();

  @Test
  void offDutyNothingIsDone() {
    AtomicBoolean done = new AtomicBoolean();
    assertThat(duty.whileOn(() -> done.getAndSet(true))).isEmpty();
    duty.begin();
    assertThat(duty.whileOn(() -> done.getAndSet(true))).contains(false);
    duty.end();
    assertThat(duty.whileOn(() -> "x")).isEmpty();
  }

  @Test
  void whatIsUnderWayIsFinishedAndCanBeWaitedFor() throws InterruptedException {
    duty.begin();
    CountDownLatch begun = new CountDownLatch(1);
    CountDownLatch hang = new CountDownLatch(1);
    AtomicBoolean finished = new AtomicBoolean();
    Thread worker =
        Thread.ofPlatform()
            .start(
                () ->
                    duty.whileOn(
                        () -> {
                          begun.countDown();
                          awaitUninterruptibly(hang);
                          return finished.getAndSet(true);
                        }));
    begun.await();
    duty.end();
    assertThat(duty.awaitIdle(Duration.ofMillis(10))).isEqualTo(1);
    hang.countDown();
    assertThat(duty.awaitIdle(Duration.ofSeconds(30))).isZero();
    assertThat(finished).isTrue();
    worker.join();
  }

  @Test
  void workThatFailsIsNoLongerUnderWay() throws InterruptedException {
    duty.begin();
    assertThatThrownBy(
            () ->
                duty.whileOn(
                    () -> {
                      throw new IllegalStateException("as the test wants");
                    }))
        .isInstanceOf(IllegalStateException.class);
    assertThat(duty.awaitIdle(Duration.ofMillis(1))).isZero();
  }

  private static void awaitUninterruptibly(CountDownLatch latch) {
    await().atMost(Duration.ofSeconds(30)).until(() -> latch.getCount() == 0);
  }
}
