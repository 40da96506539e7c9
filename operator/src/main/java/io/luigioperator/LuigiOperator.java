/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator;

import io.fabric8.kubernetes.client.KubernetesClient;
import io.luigioperator.admission.AdmissionLoop;
import io.luigioperator.job.Fabric8Kube;
import io.luigioperator.job.JobBlueprint;
import io.luigioperator.job.Kube;
import io.luigioperator.ledger.Ledger;
import io.luigioperator.ledger.LedgerUnavailable;
import io.luigioperator.ledger.MySqlLedger;
import io.luigioperator.ops.BuildInfo;
import io.luigioperator.ops.InstrumentedKube;
import io.luigioperator.ops.InstrumentedLedger;
import io.luigioperator.ops.LedgerHealthCheck;
import io.luigioperator.ops.Metrics;
import io.luigioperator.ops.OpsServer;
import io.luigioperator.ops.OpsServer.Check;
import io.luigioperator.ops.RunMetrics;
import io.luigioperator.ops.StartMetrics;
import io.luigioperator.reconcile.ClusterRegistration;
import io.luigioperator.reconcile.Controllers;
import io.luigioperator.reconcile.LeaderGate;
import io.luigioperator.reconcile.Loops;
import io.luigioperator.reconcile.RunQueue;
import io.luigioperator.reconcile.RunQueue.Lane;
import io.luigioperator.reconcile.RunReconciler;
import io.luigioperator.reconcile.Sweep;
import java.io.IOException;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
import java.util.random.RandomGenerator;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The whole, wired by hand. It starts with health, so that a slow start can be watched, and with
 * the election last; it stops in the opposite order: no new work and what is under way, the Lease,
 * so that another replica takes over at once, the controllers, the caches, the pool, health.
 */
final class LuigiOperator {
  private static final Logger LOG = LoggerFactory.getLogger(LuigiOperator.class);

  /** A database that is being set up beside the operator may take as long. */
  private static final Duration LEDGER_PATIENCE = Duration.ofMinutes(2);

  private static final Duration LEDGER_RETRY = Duration.ofSeconds(2);

  /** What is not done by then goes on while another replica leads already; both are harmless. */
  private static final Duration HANDOVER = Duration.ofMillis(800);

  /** For all of it together: with the steps that follow, the kubelet's patience is not used up. */
  private static final Duration UNDER_WAY = Duration.ofSeconds(8);

  /** A claim waits for the database most of its time. */
  private static final int CLAIM_THREADS = 4;

  private static final Duration NAME_RETRY = Duration.ofSeconds(10);

  private static final Duration CACHE_PATIENCE = Duration.ofSeconds(60);

  private record Step(String name, AutoCloseable undo) {}

  private final OperatorConfig config;
  private final Clock clock;
  private final Deque<Step> started = new ArrayDeque<>();
  private final CountDownLatch stopRequested = new CountDownLatch(1);
  private final AtomicReference<Optional<String>> fatal = new AtomicReference<>(Optional.empty());
  private final Map<String, Supplier<Optional<String>>> checks = new ConcurrentHashMap<>();

  LuigiOperator(OperatorConfig config, Clock clock) {
    this.config = config;
    this.clock = clock;
  }

  /**
   * Starts everything; waits for as long as another cluster has the name of this one.
   *
   * @param client closed by {@link #stop}, also when the start fails
   * @throws IOException when the port for health and metrics cannot be had
   * @throws LedgerUnavailable when MySQL does not answer for two minutes
   * @throws InterruptedException when a stop was requested meanwhile
   */
  void start(KubernetesClient client, BuildInfo build) throws IOException, InterruptedException {
    long start = System.nanoTime();
    LOG.atInfo()
        .addKeyValue("version", build.version())
        .addKeyValue("commit", build.commit())
        .addKeyValue("config", config)
        .log("starting");
    step("API client", client);
    Metrics metrics = new Metrics(build);
    step("metrics", metrics);
    StartMetrics startMetrics = new StartMetrics(metrics);
    OpsServer ops =
        new OpsServer(
            config.httpPort(),
            List.of(
                check("start", Optional.of("not done yet")),
                check("ledger", Optional.of("not connected yet")),
                check("lease", Optional.of("not asked for yet")),
                check("watches", Optional.of("not begun yet"))),
            List.of(check("loops", Optional.empty()), check("election", Optional.empty())),
            metrics::scrape);
    step("health and metrics", ops);

    RunMetrics runMetrics = new RunMetrics(metrics, System::nanoTime);
    MySqlLedger mySql = openLedger(metrics);
    step("ledger", mySql);
    Ledger ledger = new InstrumentedLedger(mySql, metrics, runMetrics);
    checks.put("ledger", new LedgerHealthCheck(ledger.queries(), System::nanoTime)::problem);

    Fabric8Kube fabric8 =
        new Fabric8Kube(client, new JobBlueprint(build.version()), config.namespaces(), clock);
    step("caches", fabric8);
    Kube kube = new InstrumentedKube(fabric8, metrics, runMetrics);
    ClusterRegistration name = new ClusterRegistration(ledger, config.clusterId(), kube.identity());
    take(name);

    LeaderGate leaderGate = new LeaderGate();
    Loops.Signals signals = Loops.Signals.create();
    RunReconciler runReconciler =
        new RunReconciler(
            ledger, kube, config.clusterId(), config.limits(), clock, System::nanoTime, signals);
    RunQueue queue =
        new RunQueue(
            (lane, runs) ->
                leaderGate.ifLeading(() -> runReconciler.reconcile(runs)).orElse(Map.of()));
    Controllers controllers =
        new Controllers(
            client,
            config.namespaces(),
            fabric8.pipelineResources(),
            queue,
            leaderGate,
            clock,
            signals.deletion(),
            e -> fail("an informer has stopped permanently: " + e));
    ExecutorService claims =
        Executors.newFixedThreadPool(
            CLAIM_THREADS, Thread.ofPlatform().name("claims-", 0).daemon().factory());
    step("claims", claims::shutdown);
    AdmissionLoop admission =
        new AdmissionLoop(
            ledger,
            kube,
            config.clusterId(),
            config.capacity(),
            () -> UUID.randomUUID().toString(),
            claims,
            claimed -> {
              runReconciler.claimed(claimed);
              queue.wake(claimed.run().key(), Lane.LIVE);
            });
    Sweep sweep =
        new Sweep(
            ledger,
            kube,
            config.clusterId(),
            config.retention(),
            runReconciler,
            run -> queue.wake(run, Lane.WAITING));
    Loops loops =
        new Loops(
            ledger,
            sweep,
            admission,
            signals,
            name,
            () -> fail(name.advice()),
            controllers::wakeUnobserved,
            metrics,
            RandomGenerator.getDefault());
    checks.put("loops", loops::stuck);

    fabric8.onChange(run -> queue.wake(run, Lane.LIVE));
    fabric8.start(CACHE_PATIENCE);
    step("controllers", controllers::stop);
    controllers.start();
    checks.put("watches", () -> brokenInformers(fabric8, controllers));
    step("run queue", queue::stop);
    queue.start();
    LeaderElection leaderElection =
        new LeaderElection(
            client,
            config.leaseNamespace(),
            config.leaseName(),
            config.podName(),
            LeaderElection.Pace.NORMAL,
            clock,
            () -> {
              leaderGate.open();
              metrics.leads();
              loops.start();
              controllers.wakeAll();
            },
            () -> {
              metrics.follows();
              leaderGate.close();
              loops.stop();
            });
    step("leader election", () -> handOver(leaderElection, leaderGate, loops));
    leaderElection.start();
    checks.put("election", leaderElection::problem);
    checks.put("lease", leaderElection::silence);
    checks.put("start", Optional::empty);
    startMetrics.ready();
    LOG.atInfo().addKeyValue("millis", millisSince(start)).log("ready");
  }

  private MySqlLedger openLedger(Metrics metrics) throws InterruptedException {
    long deadline = System.nanoTime() + LEDGER_PATIENCE.toNanos();
    while (true) {
      try {
        return MySqlLedger.open(
            config.ledger(),
            config.ageing(),
            RandomGenerator.getDefault(),
            Thread::sleep,
            metrics.registry());
      } catch (LedgerUnavailable e) {
        if (System.nanoTime() - deadline > 0) {
          throw e;
        }
        LOG.atWarn().addKeyValue("error", e.getMessage()).log("waiting for the ledger");
      }
      if (stopRequested.await(LEDGER_RETRY.toMillis(), TimeUnit.MILLISECONDS)) {
        throw new InterruptedException("a stop was requested during the start");
      }
    }
  }

  private static Optional<String> brokenInformers(Fabric8Kube kube, Controllers controllers) {
    List<String> kinds =
        Stream.of(kube.brokenInformers(), controllers.brokenInformers())
            .flatMap(Optional::stream)
            .toList();
    return kinds.isEmpty()
        ? Optional.empty()
        : Optional.of(
            "not watched at the moment, retried: %s (does the namespace exist, and has the operator the permissions of the chart in it?)"
                .formatted(String.join(", ", kinds)));
  }

  /** Nothing is begun under a name that another cluster has: each would undo the other's work. */
  private void take(ClusterRegistration name) throws InterruptedException {
    while (!name.keep()) {
      checks.put("start", () -> Optional.of(name.advice()));
      LOG.atError()
          .addKeyValue("problem", name.advice())
          .log("waiting for the name of the cluster");
      if (stopRequested.await(NAME_RETRY.toMillis(), TimeUnit.MILLISECONDS)) {
        throw new InterruptedException("a stop was requested during the start");
      }
    }
  }

  /** Effects under way are finished, but another replica does not wait for a slow one. */
  private void handOver(LeaderElection leaderElection, LeaderGate leaderGate, Loops loops)
      throws InterruptedException {
    checks.put("start", () -> Optional.of("stopping"));
    checks.remove("election");
    loops.stop();
    leaderGate.close();
    long handOver = System.nanoTime() + HANDOVER.toNanos();
    long end = System.nanoTime() + UNDER_WAY.toNanos();
    leaderGate.awaitIdle(HANDOVER);
    loops.awaitStopped(until(handOver));
    leaderElection.release();
    int left = leaderGate.awaitIdle(until(end));
    boolean stopped = loops.awaitStopped(until(end));
    if (left > 0 || !stopped) {
      LOG.atWarn()
          .addKeyValue("drives", left)
          .addKeyValue("loopsStopped", stopped)
          .log("some work is still under way; the next leader's sweep finishes it");
    }
  }

  private static Duration until(long nanoTime) {
    return Duration.ofNanos(Math.max(1, nanoTime - System.nanoTime()));
  }

  /** Asks what is there by then; until then {@code before} is the answer. */
  private Check check(String name, Optional<String> before) {
    return new Check(name, () -> checks.getOrDefault(name, () -> before).get());
  }

  private void step(String name, AutoCloseable undo) {
    started.push(new Step(name, undo));
  }

  /** Ends the process with a failure, from any thread. */
  private void fail(String why) {
    LOG.atError().addKeyValue("why", why).log("cannot go on");
    fatal.compareAndSet(Optional.empty(), Optional.of(why));
    requestStop();
  }

  void requestStop() {
    stopRequested.countDown();
  }

  /** Returns when a stop was asked for; holds the reason when it was for a failure. */
  Optional<String> awaitStopRequest() throws InterruptedException {
    stopRequested.await();
    return fatal.get();
  }

  /** Undoes what was started, the last first. Goes on when one step fails. */
  void stop() {
    while (!started.isEmpty()) {
      Step step = started.pop();
      long start = System.nanoTime();
      try {
        step.undo().close();
        LOG.atInfo()
            .addKeyValue("what", step.name())
            .addKeyValue("millis", millisSince(start))
            .log("stopped");
      } catch (Exception e) {
        LOG.atWarn().addKeyValue("what", step.name()).setCause(e).log("did not stop cleanly");
      }
    }
  }

  private static long millisSince(long nanoTime) {
    return TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - nanoTime);
  }
}
