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
import io.luigioperator.ledger.ClockCheckedLedger;
import io.luigioperator.ledger.DatabaseClock;
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
import io.luigioperator.reconcile.ScheduleLimits;
import io.luigioperator.reconcile.Sweep;
import io.luigioperator.reconcile.TickLoop;
import io.luigioperator.run.ClusterIdentity;
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
 * Creates, starts and stops all parts of the operator. Health starts first, so that a slow start
 * can be observed, and the leader election last. They stop in the opposite order: first new work is
 * refused and work in progress ends, then the Lease is released, so that another replica takes over
 * immediately, then controllers, caches, connection pool and health.
 */
final class LuigiOperator {
  private static final Logger LOG = LoggerFactory.getLogger(LuigiOperator.class);

  /** Enough for a database that is installed together with the operator. */
  private static final Duration LEDGER_TIMEOUT = Duration.ofMinutes(2);

  private static final Duration LEDGER_RETRY = Duration.ofSeconds(2);

  /** Work that takes longer continues while another replica already leads, which is safe. */
  private static final Duration HANDOVER = Duration.ofMillis(800);

  /** Limit for all work in progress, which leaves time for the other steps before a kill. */
  private static final Duration IN_PROGRESS = Duration.ofSeconds(8);

  /** More than CPUs, because a claim mostly waits for the database. */
  private static final int CLAIM_THREADS = 4;

  /** For the other holds, and for the differences between clocks of nodes. */
  private static final Duration CLOCK_MARGIN = Duration.ofMinutes(5);

  private static final Duration ID_RETRY = Duration.ofSeconds(10);

  private static final Duration CACHE_TIMEOUT = Duration.ofMinutes(10);

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
   * Starts everything. Waits while another cluster uses the id of this one.
   *
   * @param client closed by {@link #stop}, also if the start fails
   * @throws IOException if the port for health and metrics cannot be opened
   * @throws LedgerUnavailable if MySQL does not respond for two minutes
   * @throws InterruptedException if a stop was requested during the start
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
                check("start", Optional.of("not finished yet")),
                check("ledger", Optional.of("not connected yet")),
                check("lease", Optional.of("not requested yet")),
                check("watches", Optional.of("not started yet"))),
            List.of(check("loops", Optional.empty()), check("election", Optional.empty())),
            metrics::scrape);
    step("health and metrics", ops);

    RunMetrics runMetrics = new RunMetrics(metrics, System::nanoTime);
    MySqlLedger mySql = openLedger(metrics);
    step("ledger", mySql);
    DatabaseClock databaseClock =
        new DatabaseClock(
            clock, System::nanoTime, config.limits().nodeLossHold().plus(CLOCK_MARGIN));
    metrics.databaseClockAhead(databaseClock::ahead);
    Ledger ledger =
        new ClockCheckedLedger(new InstrumentedLedger(mySql, metrics, runMetrics), databaseClock);
    checks.put("ledger", new LedgerHealthCheck(ledger.queries(), System::nanoTime)::error);

    Fabric8Kube fabric8 =
        new Fabric8Kube(client, new JobBlueprint(build.version()), config.namespaces(), clock);
    step("caches", fabric8);
    Kube kube = new InstrumentedKube(fabric8, metrics, runMetrics);
    ClusterIdentity identity = new ClusterIdentity(config.clusterId(), kube.identity());
    String cluster = identity.value();
    ClusterRegistration registration =
        new ClusterRegistration(
            ledger,
            identity,
            config.sharedLedger(),
            () -> kube.retiredClusters(config.leaseNamespace()));
    awaitRegistration(registration);

    LeaderGate leaderGate = new LeaderGate();
    Loops.Signals signals = Loops.Signals.create();
    ScheduleLimits scheduleLimits =
        new ScheduleLimits(ledger, signals.limits(), signals::wakeAdmission);
    RunReconciler runReconciler =
        new RunReconciler(
            ledger,
            kube,
            cluster,
            config.limits(),
            clock,
            System::nanoTime,
            signals,
            scheduleLimits);
    RunQueue queue =
        new RunQueue(
            (lane, runs) ->
                leaderGate.ifLeading(() -> runReconciler.reconcile(runs)).orElse(Map.of()));
    scheduleLimits.onChange(run -> queue.wake(run, Lane.WAITING));
    TickLoop ticks =
        new TickLoop(
            ledger,
            kube,
            cluster,
            config.sharedLedger(),
            signals.ticks(),
            scheduleLimits,
            () -> {
              signals.wakeAdmission();
              signals.wakeTimer();
            },
            run -> queue.wake(run, Lane.WAITING),
            metrics);
    runReconciler.onEnd(ticks::runEnded);
    Controllers controllers =
        new Controllers(
            client,
            config.namespaces(),
            fabric8.pipelineResources(),
            queue,
            leaderGate,
            clock,
            ticks,
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
            cluster,
            config.capacity(),
            () -> UUID.randomUUID().toString(),
            claims,
            claimed -> {
              runReconciler.claimed(claimed);
              queue.wake(claimed.run().key(), Lane.LIVE);
            },
            run -> queue.wake(run, Lane.CHANGED));
    admission.onPostponed(
        () -> {
          signals.wakeTimer();
          signals.wakeAdmission();
        });
    Sweep sweep =
        new Sweep(
            ledger,
            kube,
            cluster,
            config.retention(),
            runReconciler,
            scheduleLimits,
            () -> kube.retiredNamespaces(config.leaseNamespace()),
            run -> queue.wake(run, Lane.WAITING));
    Loops loops =
        new Loops(
            ledger,
            sweep,
            admission,
            ticks,
            scheduleLimits,
            signals,
            registration,
            this::fail,
            controllers::wakeUnobserved,
            metrics,
            RandomGenerator.getDefault());
    checks.put("loops", loops::stuck);

    fabric8.onChange(run -> queue.wake(run, Lane.LIVE));
    fabric8.start(CACHE_TIMEOUT);
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
            LeaderElection.Timing.NORMAL,
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
    checks.put("election", leaderElection::failure);
    checks.put("lease", leaderElection::unavailability);
    checks.put("start", Optional::empty);
    startMetrics.ready();
    LOG.atInfo().addKeyValue("millis", millisSince(start)).log("ready");
  }

  private MySqlLedger openLedger(Metrics metrics) throws InterruptedException {
    long deadline = System.nanoTime() + LEDGER_TIMEOUT.toNanos();
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
            ("not watched at the moment, will be retried: %s; check that the namespace exists and"
                    + " that the RBAC of the chart is in place")
                .formatted(String.join(", ", kinds)));
  }

  /** Waits until this cluster may use the ledger, for example because a person retires another. */
  private void awaitRegistration(ClusterRegistration registration) throws InterruptedException {
    for (Optional<String> refusal = registration.renew();
        refusal.isPresent();
        refusal = registration.renew()) {
      String why = refusal.get();
      checks.put("start", () -> Optional.of(why));
      LOG.atError().addKeyValue("error", why).log("waiting for the registration of this cluster");
      if (stopRequested.await(ID_RETRY.toMillis(), TimeUnit.MILLISECONDS)) {
        throw new InterruptedException("a stop was requested during the start");
      }
      registration.retireDeclared();
    }
  }

  /** Waits for effects in progress, but releases the Lease before a slow one has finished. */
  private void handOver(LeaderElection leaderElection, LeaderGate leaderGate, Loops loops)
      throws InterruptedException {
    checks.put("start", () -> Optional.of("stopping"));
    checks.remove("election");
    loops.stop();
    leaderGate.close();
    long handOver = System.nanoTime() + HANDOVER.toNanos();
    long end = System.nanoTime() + IN_PROGRESS.toNanos();
    leaderGate.awaitIdle(HANDOVER);
    loops.awaitStopped(until(handOver));
    leaderElection.release();
    int left = leaderGate.awaitIdle(until(end));
    boolean stopped = loops.awaitStopped(until(end));
    if (left > 0 || !stopped) {
      LOG.atWarn()
          .addKeyValue("reconciliations", left)
          .addKeyValue("loopsStopped", stopped)
          .log("work is still in progress; the sweep of the next leader finishes it");
    }
  }

  private static Duration until(long nanoTime) {
    return Duration.ofNanos(Math.max(1, nanoTime - System.nanoTime()));
  }

  /**
   * A check whose implementation follows later in the start; until then it returns {@code before}.
   */
  private Check check(String name, Optional<String> before) {
    return new Check(name, () -> checks.getOrDefault(name, () -> before).get());
  }

  private void step(String name, AutoCloseable undo) {
    started.push(new Step(name, undo));
  }

  /** Ends the process with a failure, from any thread. */
  private void fail(String error) {
    LOG.atError().addKeyValue("error", error).log("stopping after a fatal error");
    fatal.compareAndSet(Optional.empty(), Optional.of(error));
    requestStop();
  }

  void requestStop() {
    stopRequested.countDown();
  }

  /** Waits until a stop is requested; returns the error if the cause is a failure. */
  Optional<String> awaitStopRequest() throws InterruptedException {
    stopRequested.await();
    return fatal.get();
  }

  /** Stops what was started, in reverse order. Continues if a step fails. */
  void stop() {
    while (!started.isEmpty()) {
      Step step = started.pop();
      long start = System.nanoTime();
      try {
        step.undo().close();
        LOG.atInfo()
            .addKeyValue("part", step.name())
            .addKeyValue("millis", millisSince(start))
            .log("stopped");
      } catch (Exception e) {
        LOG.atWarn().addKeyValue("part", step.name()).setCause(e).log("stop failed");
      }
    }
  }

  private static long millisSince(long nanoTime) {
    return TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - nanoTime);
  }
}
