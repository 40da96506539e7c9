/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator;

import io.fabric8.kubernetes.api.model.ContainerStateBuilder;
import io.fabric8.kubernetes.api.model.NodeBuilder;
import io.fabric8.kubernetes.api.model.ObjectReferenceBuilder;
import io.fabric8.kubernetes.api.model.OwnerReferenceBuilder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.informers.ResourceEventHandler;
import io.fabric8.kubernetes.client.informers.SharedIndexInformer;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Function;

/**
 * Simulates the Job controller, the scheduler and the kubelet of one node on a real API server: a
 * Job gets a pod; a pod without gates is bound, runs, and ends as the test specifies.
 */
final class JobControllerAndNode implements AutoCloseable {
  private static final String NODE = "node-1";

  /** How the container of a pod ends. */
  record End(int exitCode, String message) {}

  private final KubernetesClient client;
  private final Function<Pod, Optional<End>> ends;
  private final ExecutorService thread =
      Executors.newSingleThreadExecutor(Thread.ofPlatform().name("node").daemon().factory());
  private final SharedIndexInformer<Job> jobs;
  private final SharedIndexInformer<Pod> pods;
  private final Map<String, String> created = new ConcurrentHashMap<>();
  private final Map<String, Pod> running = new ConcurrentHashMap<>();
  private final List<String> started = new CopyOnWriteArrayList<>();
  private final Set<String> ended = ConcurrentHashMap.newKeySet();
  private final List<List<Pod>> concurrent = new CopyOnWriteArrayList<>();
  private final ConcurrentLinkedQueue<Exception> errors = new ConcurrentLinkedQueue<>();

  /**
   * @param ends how a pod ends; if empty, it runs until {@link #end}
   */
  JobControllerAndNode(
      KubernetesClient client, String namespace, Function<Pod, Optional<End>> ends) {
    this.client = client;
    this.ends = ends;
    client
        .nodes()
        .resource(
            new NodeBuilder()
                .withNewMetadata()
                .withName(NODE)
                .endMetadata()
                .withNewStatus()
                .addNewCondition()
                .withType("Ready")
                .withStatus("True")
                .endCondition()
                .endStatus()
                .build())
        .create();
    jobs = client.batch().v1().jobs().inNamespace(namespace).inform(each(this::reconcileJob));
    pods = client.pods().inNamespace(namespace).inform(each(this::reconcilePod));
  }

  /** The running pods, by name. */
  Map<String, Pod> running() {
    return Map.copyOf(running);
  }

  /** The names of all pods that were started, in this order. */
  List<String> started() {
    return List.copyOf(started);
  }

  /** For each started pod, in order: all pods that were running when it started. */
  List<List<Pod>> concurrent() {
    return List.copyOf(concurrent);
  }

  /** Ends a running pod. */
  void end(String pod, End end) {
    thread.execute(() -> guarded(() -> terminate(running.get(pod), end)));
  }

  /** Deletes the node and its pods, without a final status. */
  void loseNode() {
    client.nodes().withName(NODE).delete();
    for (Pod pod : running().values()) {
      client.resource(pod).withGracePeriod(0).delete();
    }
  }

  void assertNoErrors() {
    if (!errors.isEmpty()) {
      throw new AssertionError("the simulated cluster failed", errors.peek());
    }
  }

  private interface Action {
    void run();
  }

  private void guarded(Action action) {
    try {
      action.run();
    } catch (KubernetesClientException e) {
      // deleted or changed in the meantime: there will be another event
      if (e.getCode() != 404 && e.getCode() != 409) {
        errors.add(e);
      }
    } catch (RuntimeException e) {
      errors.add(e);
    }
  }

  private <T> ResourceEventHandler<T> each(java.util.function.Consumer<T> action) {
    return new ResourceEventHandler<>() {
      @Override
      public void onAdd(T object) {
        thread.execute(() -> guarded(() -> action.accept(object)));
      }

      @Override
      public void onUpdate(T before, T object) {
        thread.execute(() -> guarded(() -> action.accept(object)));
      }

      @Override
      public void onDelete(T object, boolean unknown) {
        if (object instanceof Pod pod) {
          running.remove(pod.getMetadata().getName());
        }
      }
    };
  }

  private void reconcileJob(Job job) {
    String uid = job.getMetadata().getUid();
    if (job.getMetadata().getDeletionTimestamp() != null || created.containsKey(uid)) {
      return;
    }
    var template = job.getSpec().getTemplate();
    Pod pod =
        new PodBuilder()
            .withMetadata(template.getMetadata())
            .editMetadata()
            .withNamespace(job.getMetadata().getNamespace())
            .withGenerateName(job.getMetadata().getName() + "-")
            .addToLabels("batch.kubernetes.io/job-name", job.getMetadata().getName())
            .addToLabels("batch.kubernetes.io/controller-uid", uid)
            .withOwnerReferences(
                new OwnerReferenceBuilder()
                    .withApiVersion("batch/v1")
                    .withKind("Job")
                    .withName(job.getMetadata().getName())
                    .withUid(uid)
                    .withController(true)
                    .build())
            .endMetadata()
            .withSpec(template.getSpec())
            .build();
    created.put(uid, client.pods().resource(pod).create().getMetadata().getName());
  }

  private void reconcilePod(Pod pod) {
    String name = pod.getMetadata().getName();
    boolean gated = !pod.getSpec().getSchedulingGates().isEmpty();
    boolean deleted = pod.getMetadata().getDeletionTimestamp() != null;
    boolean terminal =
        pod.getStatus() != null
            && ("Succeeded".equals(pod.getStatus().getPhase())
                || "Failed".equals(pod.getStatus().getPhase()));
    if (gated || terminal || ended.contains(name)) {
      return;
    }
    if (deleted) {
      terminate(pod, new End(143, ""));
      return;
    }
    if (pod.getSpec().getNodeName() == null || pod.getSpec().getNodeName().isEmpty()) {
      client
          .bindings()
          .inNamespace(pod.getMetadata().getNamespace())
          .resource(
              new io.fabric8.kubernetes.api.model.BindingBuilder()
                  .withNewMetadata()
                  .withName(name)
                  .withNamespace(pod.getMetadata().getNamespace())
                  .endMetadata()
                  .withTarget(new ObjectReferenceBuilder().withKind("Node").withName(NODE).build())
                  .build())
          .create();
      return; // the binding causes another event
    }
    if (running.putIfAbsent(name, pod) == null) {
      started.add(name);
      concurrent.add(List.copyOf(running.values()));
      status(
          pod,
          "Running",
          new ContainerStateBuilder().withNewRunning().withStartedAt(now()).endRunning());
      ends.apply(pod).ifPresent(end -> terminate(pod, end));
    }
  }

  private void terminate(Pod pod, End end) {
    ended.add(pod.getMetadata().getName());
    status(
        pod,
        end.exitCode() == 0 ? "Succeeded" : "Failed",
        new ContainerStateBuilder()
            .withNewTerminated()
            .withExitCode(end.exitCode())
            .withMessage(end.message())
            .withStartedAt(now())
            .withFinishedAt(now())
            .endTerminated());
    running.remove(pod.getMetadata().getName());
    if (client.resource(pod).get() instanceof Pod p
        && p.getMetadata().getDeletionTimestamp() != null) {
      client.resource(pod).withGracePeriod(0).delete();
    }
  }

  private void status(Pod pod, String phase, ContainerStateBuilder state) {
    // read again, because the version in the event may be outdated
    client
        .pods()
        .inNamespace(pod.getMetadata().getNamespace())
        .withName(pod.getMetadata().getName())
        .editStatus(
            p ->
                new PodBuilder(p)
                    .editOrNewStatus()
                    .withPhase(phase)
                    .withContainerStatuses()
                    .addNewContainerStatus()
                    .withName(p.getSpec().getContainers().getFirst().getName())
                    .withImage("image")
                    .withImageID("image")
                    .withReady(false)
                    .withRestartCount(0)
                    .withState(state.build())
                    .endContainerStatus()
                    .endStatus()
                    .build());
  }

  private static String now() {
    return Instant.now().truncatedTo(ChronoUnit.SECONDS).toString();
  }

  @Override
  public void close() {
    jobs.close();
    pods.close();
    thread.shutdownNow();
    client.nodes().withName(NODE).delete();
  }
}
