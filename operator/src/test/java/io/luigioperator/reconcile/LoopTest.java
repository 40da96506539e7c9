/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.luigioperator.ledger.LedgerUnavailable;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class LoopTest {
  private static final Duration NEVER = Duration.ofHours(1);
  private static final Duration LONG = Duration.ofSeconds(30);

  private final Signal signal = new Signal();
  private final AtomicInteger passes = new AtomicInteger();
  private Loop loop = loop(Duration.ZERO, LONG, () -> NEVER);

  /** Counts the passes that start. */
  private Loop loop(Duration debounce, Duration passTimeout, Supplier<Duration> pass) {
    return new Loop(
        "test",
        signal,
        debounce,
        passTimeout,
        () -> {
          passes.incrementAndGet();
          return pass.get();
        });
  }

  private static Duration hangingOn(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
    return NEVER;
  }

  @AfterEach
  void stop() throws InterruptedException {
    loop.stop();
    assertThat(loop.awaitStopped(LONG)).isTrue();
  }

  private void awaitPasses(int n) {
    await().atMost(LONG).until(() -> passes.get() >= n);
  }

  @Test
  void startsWithAPassAndRunsOneForEachSignal() {
    loop.start();
    awaitPasses(1);
    signal.raise();
    awaitPasses(2);
    signal.raise();
    awaitPasses(3);
    assertThat(loop.sinceLastPass()).isPresent();
    assertThat(loop.lateBy()).isEmpty();
  }

  @Test
  void runsTheNextPassAfterTheReturnedTime() {
    loop = loop(Duration.ZERO, LONG, () -> Duration.ofMillis(1));
    loop.start();
    awaitPasses(5);
  }

  @Test
  void signalsDuringTheDebounceTimeLeadToOnePass() {
    Duration debounce = Duration.ofMillis(300);
    loop = loop(debounce, LONG, () -> NEVER);
    loop.start();
    awaitPasses(1);
    long first = System.nanoTime();
    for (int i = 0; i < 50; i++) {
      signal.raise();
    }
    awaitPasses(2);
    assertThat(Duration.ofNanos(System.nanoTime() - first)).isGreaterThanOrEqualTo(debounce);
    signal.raise();
    awaitPasses(3);
    assertThat(passes).hasValue(3);
  }

  @Test
  void noFailureEndsTheLoop() {
    AtomicReference<Throwable> nextError =
        new AtomicReference<>(new LedgerUnavailable("no answer", null));
    loop =
        loop(
            Duration.ZERO,
            LONG,
            () -> {
              Throwable t = nextError.getAndSet(new StackOverflowError());
              return passes.get() > 2 ? NEVER : LoopTest.<RuntimeException>raise(t);
            });
    loop.start();
    awaitPasses(3);
  }

  @SuppressWarnings("unchecked")
  private static <T extends Throwable> Duration raise(Throwable t) throws T {
    throw (T) t;
  }

  @Test
  void aHangingPassIsOverdue() {
    CountDownLatch hang = new CountDownLatch(1);
    loop = loop(Duration.ZERO, Duration.ofMillis(20), () -> hangingOn(hang));
    loop.start();
    await().atMost(LONG).until(() -> loop.lateBy().isPresent());
    hang.countDown();
    await().atMost(LONG).until(() -> loop.lateBy().isEmpty());
  }

  @Test
  void afterAStopNoPassStartsAndTheLoopCanBeStartedAgain() throws InterruptedException {
    CountDownLatch inPass = new CountDownLatch(1);
    CountDownLatch hang = new CountDownLatch(1);
    AtomicInteger running = new AtomicInteger();
    AtomicInteger most = new AtomicInteger();
    loop =
        loop(
            Duration.ZERO,
            LONG,
            () -> {
              most.accumulateAndGet(running.incrementAndGet(), Math::max);
              inPass.countDown();
              Duration next = hangingOn(hang);
              running.decrementAndGet();
              return next;
            });
    loop.start();
    inPass.await();
    loop.stop();
    loop.start();
    hang.countDown();
    awaitPasses(2);
    assertThat(most).describedAs("passes at the same time").hasValue(1);
    loop.stop();
    assertThat(loop.awaitStopped(LONG)).isTrue();
    int before = passes.get();
    signal.raise();
    assertThat(loop.sinceLastPass()).isEmpty();
    assertThat(passes).hasValue(before);
  }

  /** The thread of the earlier start may wait on the same signal. */
  @Test
  void aSignalAfterAFastRestartIsNotLost() {
    loop = loop(Duration.ZERO, LONG, () -> NEVER);
    for (int i = 0; i < 100; i++) {
      int before = passes.get();
      loop.start();
      awaitPasses(before + 1);
      loop.stop();
      loop.start();
      awaitPasses(before + 2);
      int restarted = passes.get();
      signal.raise();
      awaitPasses(restarted + 1);
      loop.stop();
    }
  }
}
