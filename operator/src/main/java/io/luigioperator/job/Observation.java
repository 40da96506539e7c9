/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.ContainerState;
import io.fabric8.kubernetes.api.model.ContainerStateTerminated;
import io.fabric8.kubernetes.api.model.ContainerStatus;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.NodeCondition;
import io.fabric8.kubernetes.api.model.OwnerReference;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodCondition;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.luigioperator.run.Ending;
import io.luigioperator.run.Instants;
import io.luigioperator.run.ObservedAttempt.Leftover;
import io.luigioperator.run.ObservedAttempt.ObservedJob;
import io.luigioperator.run.ObservedAttempt.ObservedPod;
import io.luigioperator.run.ObservedAttempt.StartFailure;
import io.luigioperator.run.ObservedNode;
import io.luigioperator.run.ObservedNode.Health;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Converts Jobs, pods and nodes of the API server to the types of package run. Pure. */
public final class Observation {

  private static final String OUT_OF_SERVICE = "node.kubernetes.io/out-of-service";

  private Observation() {}

  public static ObservedJob job(Job job) {
    return new ObservedJob(
        job.getMetadata().getNamespace(),
        job.getMetadata().getName(),
        job.getMetadata().getUid(),
        annotation(job.getMetadata().getAnnotations(), Annotations.TOKEN),
        instant(job.getMetadata().getCreationTimestamp()).orElse(Instant.EPOCH),
        job.getSpec() != null && Boolean.TRUE.equals(job.getSpec().getSuspend()),
        job.getStatus() == null || job.getStatus().getActive() == null
            ? 0
            : job.getStatus().getActive(),
        hasEnded(job));
  }

  /** Whether the Job has finished: its conditions Complete and Failed are never removed. */
  private static boolean hasEnded(Job job) {
    return job.getStatus() != null
        && job.getStatus().getConditions().stream()
            .anyMatch(
                c ->
                    ("Complete".equals(c.getType()) || "Failed".equals(c.getType()))
                        && "True".equals(c.getStatus()));
  }

  public static ObservedNode node(Node node) {
    Optional<NodeCondition> ready =
        node.getStatus() == null
            ? Optional.empty()
            : node.getStatus().getConditions().stream()
                .filter(c -> "Ready".equals(c.getType()))
                .findFirst();
    Health health =
        node.getSpec().getTaints().stream().anyMatch(t -> OUT_OF_SERVICE.equals(t.getKey()))
            ? Health.OUT_OF_SERVICE
            : ready.filter(c -> "True".equals(c.getStatus())).isPresent()
                ? Health.READY
                : Health.NOT_READY;
    return new ObservedNode(
        health, ready.flatMap(c -> instant(c.getLastTransitionTime())).orElse(Instant.EPOCH));
  }

  /** A pod that exists. */
  public static ObservedPod pod(Pod pod) {
    return pod(pod, pod.getMetadata().getDeletionTimestamp() != null, false);
  }

  /** A pod that was deleted, in the last state that a watch reported. */
  public static ObservedPod gone(Pod pod) {
    return pod(pod, true, true);
  }

  private static ObservedPod pod(Pod pod, boolean terminating, boolean gone) {
    Optional<String> node =
        Optional.ofNullable(pod.getSpec().getNodeName()).filter(n -> !n.isEmpty());
    boolean terminal = isTerminal(pod);
    Optional<Instant> startedAt = startedAt(pod);
    String token = annotation(pod.getMetadata().getAnnotations(), Annotations.TOKEN);
    Optional<StartFailure> startFailure =
        startedAt.isPresent() || terminal ? Optional.empty() : PodStartFailure.of(pod);
    Optional<Ending> ending =
        node.isEmpty() && (terminating || terminal)
            ? Optional.of(PodEnding.withoutNode(startFailure))
            : terminal ? PodEnding.of(pod, token, terminating) : Optional.empty();
    return new ObservedPod(
        pod.getMetadata().getNamespace(),
        pod.getMetadata().getName(),
        pod.getMetadata().getUid(),
        token,
        controllingJob(pod),
        Labels.areOn(pod),
        isGated(pod),
        instant(annotation(pod.getMetadata().getAnnotations(), Annotations.GATE_OPENED)),
        terminating,
        gone,
        node,
        startedAt,
        startedAt.isPresent() || terminal ? Optional.empty() : waitsFor(pod),
        terminal ? Optional.empty() : leftover(pod),
        terminal,
        ending,
        terminal && startedAt.isEmpty() && ending.isEmpty()
            ? PodStartFailure.ofEnded(pod)
            : startFailure,
        PodDefect.of(pod));
  }

  /** Succeeded or Failed: a pod never leaves these phases. */
  static boolean isTerminal(Pod pod) {
    String phase = pod.getStatus() == null ? null : pod.getStatus().getPhase();
    return "Succeeded".equals(phase) || "Failed".equals(phase);
  }

  private static boolean isGated(Pod pod) {
    return pod.getSpec().getSchedulingGates().stream()
        .anyMatch(g -> SchedulingGate.NAME.equals(g.getName()));
  }

  private static String controllingJob(Pod pod) {
    return pod.getMetadata().getOwnerReferences().stream()
        .filter(o -> Boolean.TRUE.equals(o.getController()) && "Job".equals(o.getKind()))
        .map(OwnerReference::getUid)
        .findFirst()
        .orElse("");
  }

  /**
   * When the container of the pipeline, or an init container, first started. Sidecars do not count:
   * they start and keep running even if the image of the pipeline cannot be pulled.
   */
  private static Optional<Instant> startedAt(Pod pod) {
    Stream<String> inits =
        pod.getSpec().getInitContainers().stream()
            .filter(c -> !isSidecar(c))
            .map(Container::getName);
    return Stream.concat(inits, Stream.of(JobBlueprint.CONTAINER))
        .flatMap(name -> status(pod, name).stream())
        .flatMap(s -> Stream.of(s.getState(), s.getLastState()))
        .filter(Objects::nonNull)
        .flatMap(s -> startOf(s).stream())
        .min(Instant::compareTo);
  }

  private static Optional<Instant> startOf(ContainerState state) {
    String started =
        state.getRunning() != null
            ? state.getRunning().getStartedAt()
            : state.getTerminated() != null ? state.getTerminated().getStartedAt() : null;
    // the kubelet reports the epoch for a container that could not be started
    return instant(started).filter(t -> t.isAfter(Instant.EPOCH));
  }

  /** Of the first container that waits: while they are created, all wait for the same. */
  private static Optional<String> waitsFor(Pod pod) {
    if (!isGated(pod) && !pod.getSpec().getSchedulingGates().isEmpty()) {
      return Optional.of(
          "its pod has the scheduling gate %s, which is not the operator's; look for the controller that"
                  .formatted(pod.getSpec().getSchedulingGates().getFirst().getName())
              + " should remove it");
    }
    if (pod.getStatus() == null) {
      return Optional.empty();
    }
    return Stream.of(
            pod.getStatus().getInitContainerStatuses(), pod.getStatus().getContainerStatuses())
        .flatMap(List::stream)
        .map(ContainerStatus::getState)
        .filter(Objects::nonNull)
        .map(ContainerState::getWaiting)
        .filter(w -> w != null && w.getReason() != null)
        .map(w -> w.getMessage() == null ? w.getReason() : w.getReason() + ": " + w.getMessage())
        .findFirst();
  }

  /** The kubelet always reports when a container ended; the time is that of the node. */
  private static Optional<Leftover> leftover(Pod pod) {
    List<String> running =
        pod.getSpec().getContainers().stream()
            .map(Container::getName)
            .filter(name -> terminated(pod, name).isEmpty())
            .toList();
    return running.isEmpty()
        ? Optional.empty()
        : terminated(pod, JobBlueprint.CONTAINER)
            .flatMap(end -> instant(end.getFinishedAt()))
            .map(finished -> new Leftover(finished, running));
  }

  /** An init container that keeps running beside the containers of the pod. */
  static boolean isSidecar(Container container) {
    return "Always".equals(container.getRestartPolicy());
  }

  static Optional<ContainerStatus> status(Pod pod, String container) {
    if (pod.getStatus() == null) {
      return Optional.empty();
    }
    return Stream.of(
            pod.getStatus().getInitContainerStatuses(), pod.getStatus().getContainerStatuses())
        .flatMap(List::stream)
        .filter(s -> container.equals(s.getName()))
        .findFirst();
  }

  static Optional<ContainerStateTerminated> terminated(Pod pod, String container) {
    return status(pod, container).map(ContainerStatus::getState).map(ContainerState::getTerminated);
  }

  static Optional<PodCondition> condition(Pod pod, String type) {
    if (pod.getStatus() == null) {
      return Optional.empty();
    }
    return pod.getStatus().getConditions().stream()
        .filter(c -> type.equals(c.getType()))
        .findFirst();
  }

  static Optional<Instant> instant(@Nullable String time) {
    return Instants.parsed(time); // otherwise as if the field was not set
  }

  private static String annotation(@Nullable Map<String, String> annotations, String key) {
    return annotations == null ? "" : annotations.getOrDefault(key, "");
  }
}
