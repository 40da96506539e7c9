/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.javaoperatorsdk.operator.Operator;
import io.javaoperatorsdk.operator.api.config.Cloner;
import io.javaoperatorsdk.operator.api.config.ControllerConfigurationOverrider;
import io.javaoperatorsdk.operator.processing.retry.GenericRetry;
import io.javaoperatorsdk.operator.processing.retry.Retry;
import io.luigioperator.job.Kube;
import io.luigioperator.run.RunKey;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;

/**
 * The java-operator-sdk, set up: it watches the two resources and looks at each object on one of
 * eight threads, one look at a time for each object. No finalizer, no dependent resources, no
 * leader election of its own; off leaderGate it keeps its caches warm and does nothing.
 */
public final class Controllers {
  private static final int THREADS = 8;

  /** A look that nothing asked for, in case an event was lost; the sweep comes sooner. */
  private static final Duration LONGEST_REST = Duration.ofMinutes(10);

  private static final Duration SYNC_TIMEOUT = Duration.ofSeconds(60);
  private static final Duration STOP_TIMEOUT = Duration.ofSeconds(5);

  private final Operator operator;
  private final RunEventSource events;
  private final PipelineScheduleReconciler schedules;
  private final OrphanedRuns orphanedRuns;

  /**
   * @param deletionSeen raised when a PipelineRun is gone or going
   * @param fatal told when a watch has ended for good: nothing is seen any more
   */
  public Controllers(
      KubernetesClient client,
      List<String> namespaces,
      RunReconciler runReconciler,
      Kube kube,
      LeaderGate leaderGate,
      InstantSource clock,
      Signal deletionSeen,
      Consumer<Throwable> fatal) {
    orphanedRuns = new OrphanedRuns(runReconciler::reconcile, leaderGate);
    events = new RunEventSource(kube, orphanedRuns, deletionSeen);
    schedules = new PipelineScheduleReconciler(leaderGate, clock);
    operator =
        new Operator(
            o ->
                o.withKubernetesClient(client)
                    .withCloseClientOnStop(false)
                    .withConcurrentReconciliationThreads(THREADS)
                    .withCacheSyncTimeout(SYNC_TIMEOUT)
                    .withReconciliationTerminationTimeout(STOP_TIMEOUT)
                    .withResourceCloner(new Uncloned())
                    // cheaper, and no field manager of ours on a user's object
                    .withUseSSAToPatchPrimaryResource(false)
                    .withInformerStoppedHandler(
                        (informer, e) -> {
                          if (e != null) {
                            fatal.accept(e);
                          }
                        }));
    operator.register(
        new PipelineRunReconciler(runReconciler, leaderGate, events),
        o -> configure(o, namespaces));
    operator.register(schedules, o -> configure(o, namespaces));
  }

  private static <P extends HasMetadata> void configure(
      ControllerConfigurationOverrider<P> controller, List<String> namespaces) {
    controller
        .withGenerationAware(true)
        .withRetry(retryForEver())
        .withReconciliationMaxInterval(LONGEST_REST);
    if (namespaces.isEmpty()) {
      controller.watchingAllNamespaces();
    } else {
      controller.settingNamespaces(Set.copyOf(namespaces));
    }
  }

  /** The sdk's own gives up after five attempts. */
  private static Retry retryForEver() {
    return new GenericRetry()
        .withoutMaxAttempts()
        .setInitialInterval(Duration.ofSeconds(1))
        .setIntervalMultiplier(2)
        .setMaxInterval(Duration.ofMinutes(1).toMillis());
  }

  /** Reconcilers here never change what they are given, so a copy for each look is waste. */
  private static final class Uncloned implements Cloner {
    @Override
    public <R extends HasMetadata> R clone(R object) {
      return object;
    }
  }

  /** Returns when the caches are full. */
  public void start() {
    operator.start();
  }

  /** Has this run looked at soon, on another thread. */
  public void wake(RunKey run) {
    events.wake(run);
  }

  /**
   * Has every known run and schedule looked at: what happened off leaderGate was not acted upon.
   */
  public void wakeAll() {
    events.wakeAll();
    schedules.wakeAll();
  }

  /** Begins nothing more, and waits some seconds for what is under way. */
  public void stop() {
    orphanedRuns.close();
    operator.stop();
  }
}
