/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.javaoperatorsdk.operator.Operator;
import io.javaoperatorsdk.operator.RegisteredController;
import io.javaoperatorsdk.operator.api.config.Cloner;
import io.javaoperatorsdk.operator.api.config.ControllerConfigurationOverrider;
import io.javaoperatorsdk.operator.api.reconciler.Constants;
import io.javaoperatorsdk.operator.health.InformerHealthIndicator;
import io.javaoperatorsdk.operator.health.InformerWrappingEventSourceHealthIndicator;
import io.javaoperatorsdk.operator.processing.retry.GenericRetry;
import io.javaoperatorsdk.operator.processing.retry.Retry;
import io.luigioperator.job.PipelineResourceCache;
import io.luigioperator.reconcile.RunQueue.Lane;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * The controllers of the java-operator-sdk for the two resources, set up: no finalizer, no
 * dependent resources, no leader election of their own. They watch, keep the caches warm whether
 * this replica leads or not, and queue what has changed.
 */
public final class Controllers {

  /** The controllers only queue runs and write the status of schedules. */
  private static final int THREADS = 2;

  private static final Duration SYNC_TIMEOUT = Duration.ofSeconds(60);
  private static final Duration STOP_TIMEOUT = Duration.ofSeconds(5);

  private final Operator operator;
  private final RunQueue queue;
  private final PipelineResourceCache resources;
  private final PipelineScheduleReconciler schedules;

  /**
   * @param deletionSeen raised when a PipelineRun is deleted or marked for deletion
   * @param fatal called when an informer has stopped permanently
   */
  public Controllers(
      KubernetesClient client,
      List<String> namespaces,
      PipelineResourceCache resources,
      RunQueue queue,
      LeaderGate leaderGate,
      InstantSource clock,
      Signal deletionSeen,
      Consumer<Throwable> fatal) {
    this.queue = queue;
    this.resources = resources;
    schedules = new PipelineScheduleReconciler(resources, queue, leaderGate, clock);
    operator =
        new Operator(
            o ->
                o.withKubernetesClient(client)
                    .withCloseClientOnStop(false)
                    .withConcurrentReconciliationThreads(THREADS)
                    .withCacheSyncTimeout(SYNC_TIMEOUT)
                    // a list that fails is retried: right after the CRDs are created the API server
                    // answers 429
                    .withStopOnInformerErrorDuringStartup(false)
                    .withReconciliationTerminationTimeout(STOP_TIMEOUT)
                    .withResourceCloner(new Uncloned())
                    // cheaper, and no field manager of the operator on a user's object
                    .withUseSSAToPatchPrimaryResource(false)
                    .withInformerStoppedHandler(
                        (informer, e) -> {
                          if (e != null) {
                            fatal.accept(e);
                          }
                        }));
    RunEventSource runs = new RunEventSource(resources, queue, deletionSeen);
    operator.register(new PipelineRunReconciler(runs, queue), o -> configure(o, namespaces));
    operator.register(schedules, o -> configure(o, namespaces));
  }

  private static <P extends HasMetadata> void configure(
      ControllerConfigurationOverrider<P> controller, List<String> namespaces) {
    controller
        .withGenerationAware(true)
        .withRetry(endlessRetry())
        // The sweep finds what an event did not report; a timer for each object would cost a query
        // for each waiting run.
        .withReconciliationMaxInterval(null);
    if (namespaces.isEmpty()) {
      controller.watchingAllNamespaces();
    } else {
      controller.settingNamespaces(Set.copyOf(namespaces));
    }
  }

  /** The sdk's default gives up after five attempts. */
  private static Retry endlessRetry() {
    return new GenericRetry()
        .withoutMaxAttempts()
        .setInitialInterval(Duration.ofSeconds(1))
        .setIntervalMultiplier(2)
        .setMaxInterval(Duration.ofMinutes(1).toMillis());
  }

  /** The reconcilers never change what they are given, so they need no copy. */
  private static final class Uncloned implements Cloner {
    @Override
    public <R extends HasMetadata> R clone(R object) {
      return object;
    }
  }

  /** Returns when the caches are filled. */
  public void start() {
    operator.start();
  }

  /**
   * Reconciles every known run and schedule: a replica that has begun to lead has ignored all
   * events before.
   */
  public void wakeAll() {
    resources.runs().forEach(run -> queue.wake(run, Lane.CHANGED));
    schedules.wakeAll();
  }

  /**
   * Reconciles the runs whose newest spec is not reflected in their status: there is nothing to do
   * unless an event was lost.
   */
  public void wakeUnobserved() {
    resources.unobserved().forEach(run -> queue.wake(run, Lane.CHANGED));
  }

  /** Kinds that are not watched at the moment; empty when all are. */
  public Optional<String> brokenInformers() {
    Set<String> broken = new TreeSet<>();
    for (RegisteredController<?> c : operator.getRuntimeInfo().getRegisteredControllers()) {
      String kind = c.getConfiguration().getResourceClass().getSimpleName();
      c.getControllerHealthInfo().informerEventSourceHealthIndicators().values().stream()
          .flatMap(Controllers::informers)
          .filter(informer -> !informer.isWatching())
          .forEach(informer -> broken.add(named(kind, informer.getTargetNamespace())));
    }
    return broken.isEmpty() ? Optional.empty() : Optional.of(String.join(", ", broken));
  }

  private static Stream<InformerHealthIndicator> informers(
      InformerWrappingEventSourceHealthIndicator<?> source) {
    return source.informerHealthIndicators().values().stream();
  }

  private static String named(String kind, String namespace) {
    return namespace.equals(Constants.WATCH_ALL_NAMESPACES)
        ? kind
        : kind + " in namespace " + namespace;
  }

  /** Starts nothing more and waits some seconds for what is under way. */
  public void stop() {
    operator.stop();
  }
}
