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
 * Plays the Job controller, the scheduler and the kubelet of one node: a Job gets a pod; a pod
 * without gates is placed, runs, and ends as the test wants.
 */
final class JobsAndNode implements AutoCloseable {
  private static final String NODE = "node-1";

  /** How the container of a pod ends; empty: it goes on until {@link #end}. */
  record End(int exitCode, String message) {}

  private final KubernetesClient client;
  private final Function<Pod, Optional<End>> script;
  private final ExecutorService thread =
      Executors.newSingleThreadExecutor(Thread.ofPlatform().name("node").daemon().factory());
  private final SharedIndexInformer<Job> jobs;
  private final SharedIndexInformer<Pod> pods;
  private final Map<String, String> made = new ConcurrentHashMap<>();
  private final Map<String, Pod> running = new ConcurrentHashMap<>();
  private final List<String> started = new CopyOnWriteArrayList<>();
  private final Set<String> ended = ConcurrentHashMap.newKeySet();
  private final List<List<Pod>> companies = new CopyOnWriteArrayList<>();
  private final ConcurrentLinkedQueue<Exception> troubles = new ConcurrentLinkedQueue<>();

  JobsAndNode(KubernetesClient client, String namespace, Function<Pod, Optional<End>> script) {
    this.client = client;
    this.script = script;
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
    jobs = client.batch().v1().jobs().inNamespace(namespace).inform(each(this::controlJob));
    pods = client.pods().inNamespace(namespace).inform(each(this::keepPod));
  }

  /** The pods that run now, by name. */
  Map<String, Pod> running() {
    return Map.copyOf(running);
  }

  /** Names of all pods that were ever started, in their order. */
  List<String> started() {
    return List.copyOf(started);
  }

  /** For each pod that was ever started, in their order: it and those that ran beside it then. */
  List<List<Pod>> companies() {
    return List.copyOf(companies);
  }

  /** Ends a pod that goes on. */
  void end(String pod, End end) {
    thread.execute(() -> quietly(() -> terminate(running.get(pod), end)));
  }

  /** The node is gone for good, and its pods with it, without a word. */
  void loseNode() {
    client.nodes().withName(NODE).delete();
    for (Pod pod : running().values()) {
      client.resource(pod).withGracePeriod(0).delete();
    }
  }

  void assertNoTrouble() {
    if (!troubles.isEmpty()) {
      throw new AssertionError("the played cluster had startFailure", troubles.peek());
    }
  }

  private interface Act {
    void run();
  }

  private void quietly(Act act) {
    try {
      act.run();
    } catch (KubernetesClientException e) {
      // deleted meanwhile, or changed: the next event tells
      if (e.getCode() != 404 && e.getCode() != 409) {
        troubles.add(e);
      }
    } catch (RuntimeException e) {
      troubles.add(e);
    }
  }

  private <T> ResourceEventHandler<T> each(java.util.function.Consumer<T> act) {
    return new ResourceEventHandler<>() {
      @Override
      public void onAdd(T object) {
        thread.execute(() -> quietly(() -> act.accept(object)));
      }

      @Override
      public void onUpdate(T before, T object) {
        thread.execute(() -> quietly(() -> act.accept(object)));
      }

      @Override
      public void onDelete(T object, boolean unknown) {
        if (object instanceof Pod pod) {
          running.remove(pod.getMetadata().getName());
        }
      }
    };
  }

  private void controlJob(Job job) {
    String uid = job.getMetadata().getUid();
    if (job.getMetadata().getDeletionTimestamp() != null || made.containsKey(uid)) {
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
    made.put(uid, client.pods().resource(pod).create().getMetadata().getName());
  }

  private void keepPod(Pod pod) {
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
      return; // the binding comes back as an event
    }
    if (running.putIfAbsent(name, pod) == null) {
      started.add(name);
      companies.add(List.copyOf(running.values()));
      status(
          pod,
          "Running",
          new ContainerStateBuilder().withNewRunning().withStartedAt(now()).endRunning());
      script.apply(pod).ifPresent(end -> terminate(pod, end));
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
    // read anew, or the second of two changes is refused as stale
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
