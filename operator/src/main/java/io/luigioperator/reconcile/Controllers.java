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
 * Sets up the controllers of the java-operator-sdk for the two custom resources, without
 * finalizers, dependent resources and the leader election of the sdk. They watch both resources,
 * update the cache whether this replica is the leader or not, and queue the runs that have changed.
 */
public final class Controllers {

  /** Two are enough, because the controllers only queue runs and write the status of schedules. */
  private static final int THREADS = 2;

  /**
   * Objects of one list request. An object may have 1.5 MB, and a page must fit into the heap
   * several times.
   */
  private static final long RUNS_OF_A_PAGE = 25;

  /** Their specs are kept whole while a page is read, those of runs only up to 400 KB. */
  private static final long SCHEDULES_OF_A_PAGE = 10;

  /**
   * A user can fill etcd with large objects; a start that gives up would never list all of them.
   */
  private static final Duration SYNC_TIMEOUT = Duration.ofMinutes(10);

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
      TickSource ticks,
      Signal deletionSeen,
      Consumer<Throwable> fatal) {
    this.queue = queue;
    this.resources = resources;
    schedules = new PipelineScheduleReconciler(resources, queue, leaderGate, ticks, clock);
    operator =
        new Operator(
            o ->
                o.withKubernetesClient(client)
                    .withCloseClientOnStop(false)
                    .withConcurrentReconciliationThreads(THREADS)
                    .withCacheSyncTimeout(SYNC_TIMEOUT)
                    // retry a list that fails: for some time after the CRDs were created, the API
                    // server answers 429
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
    operator.register(
        new PipelineRunReconciler(runs, queue), o -> configure(o, namespaces, RUNS_OF_A_PAGE));
    operator.register(schedules, o -> configure(o, namespaces, SCHEDULES_OF_A_PAGE));
  }

  private static <P extends HasMetadata> void configure(
      ControllerConfigurationOverrider<P> controller, List<String> namespaces, long page) {
    controller
        .withGenerationAware(true)
        .withRetry(endlessRetry())
        .withInformerListLimit(page)
        // The sweep finds changes without an event. A timer for each object would cost a query for
        // each waiting run.
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

  /** Returns the object itself: the reconcilers never change it, so they need no copy. */
  private static final class Uncloned implements Cloner {
    @Override
    public <R extends HasMetadata> R clone(R object) {
      return object;
    }
  }

  /** Starts the watches; returns once the caches are filled. */
  public void start() {
    operator.start();
  }

  /**
   * Has every known run and schedule reconciled, because a new leader has ignored all earlier
   * events.
   */
  public void wakeAll() {
    resources.runs().forEach(run -> queue.wake(run, Lane.CHANGED));
    schedules.wakeAll();
  }

  /**
   * Has the runs reconciled whose status does not reflect their newest spec. There are none unless
   * an event was lost.
   */
  public void wakeUnobserved() {
    resources.unobserved().forEach(run -> queue.wake(run, Lane.CHANGED));
  }

  /** The kinds whose watch is broken at the moment; empty if there are none. */
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

  /** No further reconciliation starts; waits up to five seconds for those in progress. */
  public void stop() {
    operator.stop();
  }
}
