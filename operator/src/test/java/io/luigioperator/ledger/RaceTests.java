/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.ledger.Ledger.Acceptance;
import io.luigioperator.ledger.Ledger.Claimed;
import io.luigioperator.ledger.Ledger.Head;
import io.luigioperator.run.AdmitKey;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.EndCause;
import io.luigioperator.run.FailureCause;
import io.luigioperator.run.Presence;
import io.luigioperator.run.Reasons;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunState;
import io.luigioperator.run.Verdict;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Two operators over the same keys at the same time. */
interface RaceTests extends SqlFixture {

  int THREADS = 6;
  int ROUNDS = 120;
  int CLIENTS = 4;
  int RUNS = 40;

  /** All callers begin at the same moment; each answer is wanted. */
  default <T> List<T> together(int n, Function<Integer, T> call) {
    CyclicBarrier start = new CyclicBarrier(n);
    return inParallel(
        n,
        i -> {
          start.await(10, TimeUnit.SECONDS);
          return call.apply(i);
        });
  }

  /** A call that may also wait. */
  @FunctionalInterface
  interface Task<T> {
    T run(int i) throws Exception;
  }

  default <T> List<T> inParallel(int n, Task<T> task) {
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Callable<T>> calls =
          IntStream.range(0, n).<Callable<T>>mapToObj(i -> () -> task.run(i)).toList();
      List<T> answers = new ArrayList<>();
      for (Future<T> f : threads.invokeAll(calls, 120, TimeUnit.SECONDS)) {
        answers.add(f.get());
      }
      return answers;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    } catch (ExecutionException e) {
      throw new AssertionError("a caller got an error", e.getCause());
    }
  }

  @Test
  default void oneOfManyWinsEachStep() {
    SimpleMeterRegistry metrics = new SimpleMeterRegistry();
    try (MySqlLedger other = open(sql().config(), metrics)) {
      Function<Integer, Ledger> operator = i -> i % 2 == 0 ? ledger() : other;
      for (int n = 0; n < 15; n++) {
        int round = n;
        Asking asking = Asking.named("r" + round).client("c" + round % 2);
        List<Acceptance> acceptances =
            together(
                4,
                i ->
                    operator
                        .apply(i)
                        .accept(
                            (i == 3 ? asking.client("z").another() : asking).run(),
                            object(asking.key())));
        assertThat(acceptances).filteredOn(Acceptance.Accepted.class::isInstance).hasSize(1);
        Run run = acceptances.getFirst().run();
        List<Optional<Claimed>> claims =
            together(4, i -> operator.apply(i).claim(run.admitKey(), run.key(), token(), CLUSTER));
        assertThat(claims).filteredOn(Optional::isPresent).hasSize(1);
        Attempt attempt =
            claims.stream().flatMap(Optional::stream).findFirst().orElseThrow().attempt();
        List<Optional<Attempt>> bindings =
            together(4, i -> operator.apply(i).bind(attempt.ref(), "j", "p" + round + "-" + i));
        assertThat(bindings).filteredOn(Optional::isPresent).hasSize(1);
        String pod = reload(attempt).binding().orElseThrow().podUid();
        List<Optional<Run>> cancels =
            together(4, i -> operator.apply(i).cancel(run.key(), Reasons.CANCELED, ""));
        assertThat(cancels).filteredOn(Optional::isPresent).hasSize(1);
        List<Optional<Run>> ends =
            together(
                4,
                i ->
                    operator
                        .apply(i)
                        .finish(
                            attempt.ref(),
                            pod,
                            ending(Verdict.SUCCEEDED),
                            AT_ONCE,
                            Presence.PRESENT));
        assertThat(ends).filteredOn(Optional::isPresent).hasSize(1);
        assertThat(load(run).state()).isEqualTo(RunState.SUCCEEDED);
      }
      assertThat(brokenInvariants(metrics) + brokenInvariants(metrics())).isZero();
    }
  }

  @Test
  default void underLoadNoKeyEverHasTwoLiveAttempts() {
    SimpleMeterRegistry metrics = new SimpleMeterRegistry();
    Map<AdmitKey, Attempt> live = new ConcurrentHashMap<>();
    Map<AdmitKey, Long> fences = new ConcurrentHashMap<>();
    AtomicInteger attempts = new AtomicInteger();
    List<Run> runs = new ArrayList<>();
    for (int i = 0; i < RUNS; i++) {
      runs.add(accepted(Asking.named("r" + i).client("c" + i % CLIENTS).maxAttempts(9)));
    }
    try (MySqlLedger other = open(sql().config(), metrics)) {
      inParallel(
          THREADS,
          thread -> {
            Random random = new Random(thread);
            Ledger mine = thread % 2 == 0 ? ledger() : other;
            for (int round = 0; round < ROUNDS; round++) {
              act(mine, random, runs, live, fences, attempts);
            }
            return thread;
          });
      drain(live, fences, attempts);
      assertThat(ledger().census().values()).containsOnly(0L);
      assertThat(attempts.get()).isGreaterThan(RUNS);
      assertThat(sql().count("SELECT COUNT(*) FROM attempt")).isEqualTo(attempts.get());
      assertThat(sql().count("SELECT COUNT(DISTINCT admit_key, fence) FROM attempt"))
          .isEqualTo(attempts.get());
      assertThat(sql().count("SELECT COUNT(*) FROM attempt WHERE live_key IS NOT NULL")).isZero();
      assertThat(sql().count("SELECT COUNT(*) FROM client_mutex WHERE holder_run IS NOT NULL"))
          .isZero();
      assertThat(sql().count("SELECT COUNT(*) FROM client_mutex WHERE next_admit_at IS NOT NULL"))
          .isZero();
      assertThat(brokenInvariants(metrics) + brokenInvariants(metrics())).isZero();
    }
  }

  private void act(
      Ledger mine,
      Random random,
      List<Run> runs,
      Map<AdmitKey, Attempt> live,
      Map<AdmitKey, Long> fences,
      AtomicInteger attempts) {
    Run any = runs.get(random.nextInt(runs.size()));
    switch (random.nextInt(10)) {
      case 0, 1, 2, 3 -> claimHeads(mine, live, fences, attempts);
      case 4, 5, 6 -> endOne(mine, random, live);
      case 7 -> mine.due(5);
      case 8 -> {
        if (random.nextInt(4) == 0) {
          mine.cancel(any.key(), Reasons.CANCELED, "");
        } else {
          mine.hold(any.key(), Reasons.NAMESPACE_MISSING, "");
        }
      }
      default -> {
        mine.release(any.key(), Reasons.NAMESPACE_MISSING);
        mine.expire(5);
      }
    }
  }

  private void claimHeads(
      Ledger mine,
      Map<AdmitKey, Attempt> live,
      Map<AdmitKey, Long> fences,
      AtomicInteger attempts) {
    for (Head head : mine.openHeads(Optional.empty(), 3)) {
      mine.claim(head.key(), head.run(), token(), CLUSTER)
          .ifPresent(
              c -> {
                attempts.incrementAndGet();
                assertThat(live.put(head.key(), c.attempt())).as("another live attempt").isNull();
                Long fence = c.attempt().ref().fence();
                assertThat(fences.merge(head.key(), fence, Math::max)).isEqualTo(fence);
              });
    }
  }

  private void endOne(Ledger mine, Random random, Map<AdmitKey, Attempt> live) {
    for (AdmitKey key : List.copyOf(live.keySet())) {
      Attempt attempt = live.remove(key);
      if (attempt == null) {
        continue; // another thread ends it
      }
      if (random.nextInt(5) == 0
          || mine.bind(attempt.ref(), "job", podOf(attempt)).isEmpty()) { // canceled
        assertThat(mine.abandon(attempt.ref(), AbandonContract.NOBODYS, AT_ONCE)).isPresent();
        return;
      }
      EndCause cause =
          List.of(Verdict.SUCCEEDED, Verdict.TASK_FAILED, FailureCause.EVICTED)
              .get(random.nextInt(3));
      assertThat(
              mine.finish(attempt.ref(), podOf(attempt), ending(cause), AT_ONCE, Presence.PRESENT))
          .isPresent();
      return;
    }
  }

  private void drain(
      Map<AdmitKey, Attempt> live, Map<AdmitKey, Long> fences, AtomicInteger attempts) {
    Random random = new Random(7);
    for (int i = 0;
        i < 20 * RUNS && !ledger().census().values().stream().allMatch(n -> n == 0);
        i++) {
      ledger()
          .heldFor(Reasons.NAMESPACE_MISSING, 100)
          .forEach(r -> ledger().release(r.key(), Reasons.NAMESPACE_MISSING));
      ledger().due(100);
      claimHeads(ledger(), live, fences, attempts);
      while (!live.isEmpty()) {
        endOne(ledger(), random, live);
      }
    }
  }
}
