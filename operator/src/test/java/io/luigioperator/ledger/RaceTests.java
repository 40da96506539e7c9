/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import static io.luigioperator.ledger.ScheduleContract.fires;
import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.ledger.AttemptLedger.Claimed;
import io.luigioperator.ledger.LedgerQueries.Head;
import io.luigioperator.ledger.RunLedger.AcceptRequest;
import io.luigioperator.ledger.RunLedger.Acceptance;
import io.luigioperator.ledger.ScheduleLedger.ClientDecision;
import io.luigioperator.ledger.ScheduleLedger.TickAnswer;
import io.luigioperator.run.AdmitKey;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.EndCause;
import io.luigioperator.run.FailureCause;
import io.luigioperator.run.Presence;
import io.luigioperator.run.Reasons;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunAndAttempt;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunState;
import io.luigioperator.run.ScheduleKey;
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

/** Two operators that work on the same keys at the same time. */
interface RaceTests extends SqlFixture {

  int THREADS = 6;
  int ROUNDS = 120;
  int CLIENTS = 4;
  int RUNS = 40;

  /** All calls begin at the same moment. */
  default <T> List<T> together(int n, Function<Integer, T> call) {
    CyclicBarrier start = new CyclicBarrier(n);
    return inParallel(
        n,
        i -> {
          start.await(10, TimeUnit.SECONDS);
          return call.apply(i);
        });
  }

  /** A call that may block. */
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

  /** In opposite orders: the clients are locked in one order all the same. */
  @Test
  default void operatorsThatDecideTheSameTicksFireEachOnce() {
    ScheduleKey schedule = ScheduleContract.NIGHTLY;
    List<String> clients = List.of("a", "b", "c", "d", "e");
    ledger().schedules().own(schedule, CLUSTER);
    ledger()
        .schedules()
        .decide(schedule, CLUSTER, clients.stream().map(ScheduleContract::first).toList());
    int deadlocks = deadlocks();
    try (MySqlLedger other = open(sql().config(), new SimpleMeterRegistry())) {
      for (int n = 0; n < 15; n++) {
        int day = n;
        List<ClientDecision> decisions =
            clients.stream()
                .map(c -> ScheduleContract.decision(c, day, day + 1, fires(c, day + 1)))
                .toList();
        List<List<TickAnswer>> answers =
            together(
                4,
                i ->
                    (i < 2 ? ledger() : other)
                        .schedules()
                        .decide(schedule, CLUSTER, i % 2 == 0 ? decisions : decisions.reversed()));
        assertThat(answers.stream().flatMap(List::stream))
            .filteredOn(new TickAnswer.Decided(1)::equals)
            .hasSize(clients.size());
        assertThat(answers.stream().flatMap(List::stream))
            .filteredOn(new TickAnswer.Stale()::equals)
            .hasSize(3 * clients.size());
      }
    }
    assertThat(deadlocks()).isEqualTo(deadlocks);
    assertThat(sql().count("SELECT COUNT(*) FROM run")).isEqualTo(15 * clients.size());
    assertThat(sql().count("SELECT COUNT(*) FROM tick WHERE cron_times = 1 AND decision = 'FIRED'"))
        .isEqualTo(15 * clients.size());
    assertThat(sql().count("SELECT COUNT(*) FROM schedule_client WHERE cron_times = 15"))
        .isEqualTo(clients.size());
  }

  /**
   * Runs are accepted, claimed and become due, and the limit changes, while several operators
   * release and hold runs: afterwards as many count as the limit allows, or as are ACTIVE.
   */
  @Test
  default void operatorsThatReleaseRunsKeepToTheLimit() {
    ScheduleKey nightly = ScheduleContract.NIGHTLY;
    int deadlocks = deadlocks();
    try (MySqlLedger other = open(sql().config(), new SimpleMeterRegistry())) {
      for (int n = 0; n < 25; n++) {
        int round = n;
        int limit = 3 + round % 3;
        together(
            THREADS,
            i -> {
              Ledger mine = i % 2 == 0 ? ledger() : other;
              if (i == 0) {
                mine.schedules().limit(nightly, Optional.of(limit));
              }
              if (i < 4) {
                mine.schedules().enforceLimit(nightly);
              }
              accept(mine, RunBuilder.named("r" + round + "-" + i).client("c" + i));
              if (i == 4) {
                claimHeads(mine, new Heard());
              } else if (i == 5) {
                mine.maintenance().due(5);
              }
              mine.schedules().enforceLimit(nightly);
              return i;
            });
        while (!ledger().schedules().enforceLimit(nightly).changed().isEmpty()) {}
        String counting = "SELECT COUNT(*) FROM run WHERE limit_state <> 'HELD'";
        int busy = sql().count(counting + " AND state <> 'READY'");
        assertThat(sql().count(counting))
            .as("round %d", round)
            .isBetween(limit, Math.max(limit, busy));
        endAll();
      }
    }
    assertThat(deadlocks()).as("deadlocks").isEqualTo(deadlocks);
  }

  /** Half of the attempts end for good; the others are retried. */
  private void endAll() {
    int i = 0;
    for (Attempt attempt : ledger().queries().liveAttempts(CLUSTER)) {
      finish(bound(attempt), i++ % 2 == 0 ? Verdict.SUCCEEDED : Verdict.TASK_FAILED);
    }
  }

  @Test
  default void oneOfManyWinsEachStep() {
    SimpleMeterRegistry metrics = new SimpleMeterRegistry();
    try (MySqlLedger other = open(sql().config(), metrics)) {
      Function<Integer, Ledger> operator = i -> i % 2 == 0 ? ledger() : other;
      for (int n = 0; n < 15; n++) {
        int round = n;
        RunBuilder asking = RunBuilder.named("r" + round).client("c" + round % 2);
        List<Acceptance> acceptances =
            together(
                4, i -> accept(operator.apply(i), i == 3 ? asking.client("z").another() : asking));
        assertThat(acceptances).filteredOn(Acceptance.Accepted.class::isInstance).hasSize(1);
        Run run =
            acceptances.stream()
                .filter(Acceptance.Accepted.class::isInstance)
                .map(a -> ((Acceptance.Accepted) a).run())
                .findFirst()
                .orElseThrow();
        List<Optional<Claimed>> claims =
            together(
                4,
                i ->
                    operator
                        .apply(i)
                        .attempts()
                        .claim(run.admitKey(), run.key(), token(), CLUSTER));
        assertThat(claims).filteredOn(Optional::isPresent).hasSize(1);
        Attempt attempt =
            claims.stream().flatMap(Optional::stream).findFirst().orElseThrow().attempt();
        List<Optional<RunAndAttempt>> bindings =
            together(
                4,
                i -> operator.apply(i).attempts().bind(attempt.ref(), "j", "p" + round + "-" + i));
        assertThat(bindings).filteredOn(Optional::isPresent).hasSize(1);
        String pod = reload(attempt).binding().orElseThrow().podUid();
        List<Optional<Run>> cancels =
            together(4, i -> operator.apply(i).runs().cancel(run.key(), Reasons.CANCELED, ""));
        assertThat(cancels).filteredOn(Optional::isPresent).hasSize(1);
        List<Optional<RunAndAttempt>> ends =
            together(
                4,
                i ->
                    operator
                        .apply(i)
                        .attempts()
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

  /** What all callers of one test have got as answers. */
  final class Heard {
    final List<Run> runs = new ArrayList<>();

    /** Removed by the thread that ends it. */
    final Map<AdmitKey, Attempt> live = new ConcurrentHashMap<>();

    /** Kept after its end, so that other threads still try to record something about it. */
    final Map<AdmitKey, Attempt> newest = new ConcurrentHashMap<>();

    final Map<AdmitKey, Long> fences = new ConcurrentHashMap<>();
    final AtomicInteger attempts = new AtomicInteger();
    final AtomicInteger notes = new AtomicInteger();
    final Map<RunKey, Run> terminal = new ConcurrentHashMap<>();

    void claimed(Head head, Claimed c) {
      attempts.incrementAndGet();
      assertThat(live.put(head.key(), c.attempt())).as("another live attempt").isNull();
      newest.put(head.key(), c.attempt());
      Long fence = c.attempt().ref().fence();
      assertThat(fences.merge(head.key(), fence, Math::max)).isEqualTo(fence);
    }

    void moved(Run run) {
      if (run.state().isFinal()) {
        assertThat(terminal.put(run.key(), run)).as("ended before").isNull();
      }
    }
  }

  @Test
  default void underLoadNoKeyEverHasTwoLiveAttempts() {
    SimpleMeterRegistry metrics = new SimpleMeterRegistry();
    Heard heard = new Heard();
    for (int i = 0; i < RUNS; i++) {
      heard.runs.add(accepted(RunBuilder.named("r" + i).client("c" + i % CLIENTS).maxAttempts(9)));
    }
    int deadlocks = deadlocks();
    try (MySqlLedger other = open(sql().config(), metrics)) {
      inParallel(
          THREADS,
          thread -> {
            Random random = new Random(thread);
            Ledger mine = thread % 2 == 0 ? ledger() : other;
            for (int round = 0; round < ROUNDS; round++) {
              act(mine, random, heard);
            }
            return thread;
          });
      assertThat(deadlocks()).as("deadlocks").isEqualTo(deadlocks);
      nothingNeedsRepair();
      assertThat(heard.notes.get()).as("missing pods recorded").isPositive();
      assertThat(heard.terminal).isNotEmpty();
      drain(heard);
      assertThat(ledger().queries().countByState().values()).containsOnly(0L);
      assertThat(heard.terminal.values())
          .hasSize(RUNS)
          .allSatisfy(run -> assertThat(load(run)).isEqualTo(run));
      int attempts = heard.attempts.get();
      assertThat(attempts).isGreaterThan(RUNS);
      assertThat(sql().count("SELECT COUNT(*) FROM attempt")).isEqualTo(attempts);
      assertThat(sql().count("SELECT COUNT(DISTINCT admit_key, fence) FROM attempt"))
          .isEqualTo(attempts);
      assertThat(sql().count("SELECT COUNT(*) FROM attempt WHERE live_key IS NOT NULL")).isZero();
      nothingNeedsRepair();
      assertThat(brokenInvariants(metrics) + brokenInvariants(metrics())).isZero();
    }
  }

  /** Checked before any other transaction, because each of them refreshes its key. */
  private void nothingNeedsRepair() {
    assertThat(ledger().maintenance().freeStaleHolders(100)).isEmpty();
    assertThat(ledger().maintenance().auditHeads(Optional.empty(), 100))
        .isEqualTo(new LedgerMaintenance.Audit(List.of(), Optional.empty()));
  }

  private void act(Ledger mine, Random random, Heard heard) {
    Run any = heard.runs.get(random.nextInt(heard.runs.size()));
    switch (random.nextInt(13)) {
      case 0, 1, 2, 3 -> claimHeads(mine, heard);
      case 4, 5, 6 -> endOne(mine, random, heard);
      case 7 -> mine.maintenance().due(5).forEach(heard::moved);
      case 8 -> {
        if (random.nextInt(4) == 0) {
          mine.runs().cancel(any.key(), Reasons.CANCELED, "").ifPresent(heard::moved);
        } else {
          mine.runs().hold(any.key(), Reasons.NAMESPACE_MISSING, "");
        }
      }
      case 9 -> {
        mine.runs().release(any.key(), Reasons.NAMESPACE_MISSING).ifPresent(heard::moved);
        mine.maintenance().expire(5).forEach(heard::moved);
      }
      default -> note(mine, random, heard);
    }
  }

  private void claimHeads(Ledger mine, Heard heard) {
    for (Head head : mine.queries().openHeads(CLUSTER, Optional.empty(), 3)) {
      mine.attempts()
          .claim(head.key(), head.run(), token(), CLUSTER)
          .ifPresent(c -> heard.claimed(head, c));
    }
  }

  /** Records all that can be recorded, often while another thread ends the attempt. */
  private void note(Ledger mine, Random random, Heard heard) {
    for (Attempt a : heard.newest.values()) {
      mine.attempts().recordNode(reload(a), "node-" + random.nextInt(100));
      mine.attempts()
          .markPodMissing(reload(a))
          .ifPresent(
              missing -> {
                heard.notes.incrementAndGet();
                mine.attempts().clearPodMissing(missing);
              });
      mine.attempts().markForStop(reload(a), FailureCause.KILLED, "it hung");
    }
  }

  private void endOne(Ledger mine, Random random, Heard heard) {
    for (AdmitKey key : List.copyOf(heard.live.keySet())) {
      Attempt attempt = heard.live.remove(key);
      if (attempt == null) {
        continue; // another thread ends it
      }
      Optional<RunAndAttempt> end;
      if (random.nextInt(5) == 0
          || mine.attempts().bind(attempt.ref(), "job", podOf(attempt)).isEmpty()) { // canceled
        end = mine.attempts().abandon(attempt.ref(), AbandonContract.WITHOUT_CHARGE, AT_ONCE);
      } else {
        EndCause cause =
            List.of(Verdict.SUCCEEDED, Verdict.TASK_FAILED, FailureCause.EVICTED)
                .get(random.nextInt(3));
        end =
            mine.attempts()
                .finish(attempt.ref(), podOf(attempt), ending(cause), AT_ONCE, Presence.PRESENT);
      }
      heard.moved(end.orElseThrow().run());
      return;
    }
  }

  private void drain(Heard heard) {
    Random random = new Random(7);
    for (int i = 0;
        i < 20 * RUNS && !ledger().queries().countByState().values().stream().allMatch(n -> n == 0);
        i++) {
      ledger()
          .queries()
          .heldFor(Reasons.NAMESPACE_MISSING, Optional.empty(), 100)
          .forEach(
              r ->
                  ledger()
                      .runs()
                      .release(r.key(), Reasons.NAMESPACE_MISSING)
                      .ifPresent(heard::moved));
      ledger().maintenance().due(100).forEach(heard::moved);
      claimHeads(ledger(), heard);
      while (!heard.live.isEmpty()) {
        endOne(ledger(), random, heard);
      }
    }
  }

  /** Two operators accept the same runs in opposite orders. */
  @Test
  default void eachOfManyRunsIsAcceptedOnce() {
    int deadlocks = deadlocks();
    try (MySqlLedger other = open(sql().config(), new SimpleMeterRegistry())) {
      for (int round = 0; round < 10; round++) {
        List<AcceptRequest> requests = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
          requests.add(request(RunBuilder.named("r" + round + "-" + i).client("c" + i % 8)));
        }
        List<List<Acceptance>> answers =
            together(
                2,
                i ->
                    i == 0
                        ? ledger().runs().accept(requests)
                        : other.runs().accept(requests.reversed()).reversed());
        for (int i = 0; i < 20; i++) {
          Run run = load(requests.get(i).run().key());
          assertThat(List.of(answers.get(0).get(i), answers.get(1).get(i)))
              .containsExactlyInAnyOrder(new Acceptance.Accepted(run), new Acceptance.Same(run));
        }
      }
    }
    assertThat(deadlocks()).as("deadlocks").isEqualTo(deadlocks);
  }

  /** Each finds the same runs in the opposite order. */
  @Test
  default void batchesInOppositeOrdersDoNotWaitForEachOther() {
    int deadlocks = deadlocks();
    try (MySqlLedger other = open(sql().config(), new SimpleMeterRegistry())) {
      for (int round = 0; round < 10; round++) {
        List<Run> runs = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
          Run run = accepted(RunBuilder.named("r" + round + "-" + i).client("c" + i));
          sql()
              .handle()
              .execute(
                  """
                  UPDATE run SET state = 'DELAYED',
                    not_before = UTC_TIMESTAMP(6) - INTERVAL ? SECOND,
                    start_deadline = UTC_TIMESTAMP(6) - INTERVAL ? SECOND
                  WHERE run_id = ?
                  """,
                  100 - i,
                  1 + i,
                  run.key().id());
          runs.add(run);
        }
        List<List<Run>> moved =
            together(
                2, i -> i == 0 ? ledger().maintenance().due(20) : other.maintenance().expire(20));
        assertThat(moved.get(1)).hasSize(20);
        assertThat(runs).allSatisfy(r -> assertThat(load(r).state()).isEqualTo(RunState.FAILED));
      }
    }
    assertThat(deadlocks()).as("deadlocks").isEqualTo(deadlocks);
  }
}
