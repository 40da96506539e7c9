/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.luigioperator.reconcile.RunQueue.Lane;
import io.luigioperator.reconcile.RunQueue.Requeue;
import io.luigioperator.run.RunKey;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class RunQueueTest {
  private static final Duration LONG = Duration.ofSeconds(30);

  /** One line for each batch that was reconciled. */
  private final Queue<String> reconciled = new ConcurrentLinkedQueue<>();

  private final Map<String, CountDownLatch> blocked = new ConcurrentHashMap<>();
  private final Map<String, Requeue> answers = new ConcurrentHashMap<>();
  private final Queue<String> failing = new ConcurrentLinkedQueue<>();
  private final RunQueue queue = new RunQueue(this::reconcile);

  private Map<RunKey, Requeue> reconcile(Lane lane, List<RunKey> runs) {
    reconciled.add(lane + " " + String.join(" ", runs.stream().map(RunKey::name).toList()));
    String first = runs.getFirst().name();
    if (blocked.containsKey(first)) {
      await().atMost(LONG).until(() -> blocked.get(first).getCount() == 0);
    }
    if (failing.remove(first)) {
      throw new StackOverflowError("thrown by the test");
    }
    Requeue answer = answers.remove(first);
    return answer == null ? Map.of() : Map.of(runs.getFirst(), answer);
  }

  private static RunKey run(String name) {
    return new RunKey("ns", name);
  }

  private CountDownLatch block(String name) {
    CountDownLatch latch = new CountDownLatch(1);
    blocked.put(name, latch);
    return latch;
  }

  private void awaitReconciled(String... lines) {
    await().atMost(LONG).untilAsserted(() -> assertThat(reconciled).containsExactly(lines));
  }

  @AfterEach
  void stop() {
    blocked.values().forEach(CountDownLatch::countDown);
    queue.stop();
  }

  @Test
  void newRunsFormABatchAndLiveRunsDoNot() {
    queue.wake(run("new-1"), Lane.CHANGED);
    queue.wake(run("new-2"), Lane.CHANGED);
    queue.wake(run("live-1"), Lane.LIVE);
    queue.wake(run("live-2"), Lane.LIVE);
    // several threads take the batches, so that their order is not fixed
    CountDownLatch last = block("new-1");
    queue.start();
    await()
        .atMost(LONG)
        .untilAsserted(
            () ->
                assertThat(reconciled)
                    .containsExactlyInAnyOrder(
                        "LIVE live-1", "LIVE live-2", "CHANGED new-1 new-2"));
    last.countDown();
  }

  @Test
  void aRunIsReconciledByOneThreadAtATimeAndAgainIfWoken() {
    CountDownLatch a = block("a");
    queue.start();
    queue.wake(run("a"), Lane.LIVE);
    awaitReconciled("LIVE a");
    queue.wake(run("a"), Lane.WAITING);
    queue.wake(run("a"), Lane.LIVE);
    queue.wake(run("a"), Lane.CHANGED);
    queue.wake(run("b"), Lane.LIVE);
    awaitReconciled("LIVE a", "LIVE b");
    a.countDown();
    awaitReconciled("LIVE a", "LIVE b", "LIVE a");
  }

  @Test
  void aQueuedRunMovesToAHigherLaneOnly() {
    queue.wake(run("a"), Lane.WAITING);
    queue.wake(run("a"), Lane.LIVE);
    queue.wake(run("b"), Lane.LIVE);
    queue.wake(run("b"), Lane.WAITING);
    queue.start();
    await()
        .atMost(LONG)
        .untilAsserted(() -> assertThat(reconciled).containsExactlyInAnyOrder("LIVE a", "LIVE b"));
  }

  @Test
  void liveRunsAreServedWhileNewRunsAreReconciled() {
    IntStream.range(0, 8).forEach(i -> block("busy-" + i));
    queue.start();
    for (int i = 0; i < 8; i++) {
      queue.wake(run("busy-" + i), Lane.CHANGED);
      int started = Math.min(i + 1, 2);
      await().atMost(LONG).until(() -> reconciled.size() >= started);
    }
    queue.wake(run("live"), Lane.LIVE);
    await().atMost(LONG).until(() -> reconciled.contains("LIVE live"));
    assertThat(reconciled).filteredOn(line -> line.startsWith("CHANGED")).hasSize(2);
  }

  @Test
  void aRunIsReconciledAtItsRequeueTimeOrWhenWoken() {
    answers.put("soon", new Requeue(Duration.ofMillis(1), Lane.WAITING));
    answers.put("late", new Requeue(Duration.ofHours(1), Lane.WAITING));
    queue.start();
    queue.wake(run("soon"), Lane.CHANGED);
    await().atMost(LONG).until(() -> reconciled.contains("WAITING soon"));
    queue.wake(run("late"), Lane.CHANGED);
    await().atMost(LONG).until(() -> reconciled.contains("CHANGED late"));
    await()
        .atMost(LONG)
        .until(
            () -> {
              queue.wake(run("late"), Lane.LIVE);
              return reconciled.contains("LIVE late");
            });
  }

  @Test
  void anErrorEndsNoThreadAndTheRunIsRequeued() {
    IntStream.range(0, 20).forEach(i -> failing.add("bad-" + i));
    queue.start();
    for (int i = 0; i < 20; i++) {
      queue.wake(run("bad-" + i), Lane.LIVE);
    }
    await().atMost(LONG).until(failing::isEmpty);
    queue.wake(run("good"), Lane.LIVE);
    await().atMost(LONG).until(() -> reconciled.contains("LIVE good"));
    queue.wake(run("bad-0"), Lane.LIVE); // does not wait for its requeue time
    await()
        .atMost(LONG)
        .until(() -> reconciled.stream().filter(line -> line.equals("LIVE bad-0")).count() == 2);
  }

  @Test
  void waitingRunsAreServedAtABoundedRate() {
    long start = System.nanoTime();
    for (int i = 0; i < 21; i++) {
      queue.wake(run("w-" + i), Lane.WAITING);
    }
    queue.start();
    await().atMost(LONG).until(() -> reconciled.size() == 21);
    assertThat(Duration.ofNanos(System.nanoTime() - start)).isGreaterThan(Duration.ofSeconds(1));
  }
}
