/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.sim;

import io.luigioperator.run.EndCause;
import io.luigioperator.run.Ending;
import io.luigioperator.run.FailureCause;
import io.luigioperator.run.ObservedAttempt.ObservedJob;
import io.luigioperator.run.ObservedAttempt.ObservedPod;
import io.luigioperator.run.ObservedAttempt.StartFailure;
import io.luigioperator.run.ObservedNode;
import io.luigioperator.run.ObservedNode.Health;
import io.luigioperator.run.Pods;
import io.luigioperator.run.Verdict;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import java.util.stream.Stream;

/**
 * The controllers of one cluster: Job controller, garbage collector, scheduler and kubelets, with
 * their faults.
 */
final class SimControllers {

  private static final Duration PARTITION_KILL = Duration.ofSeconds(300);

  private final SimCluster cluster;
  private final Random random;
  private final InstantSource clock;
  private final Processes processes;
  private final Map<String, Integer> podsCreated = new HashMap<>();

  /** How the pipelines ended whose pods are left over, by the UIDs of the pods. */
  private final Map<String, Ending> endingsOfLeftOver = new HashMap<>();

  SimControllers(SimCluster cluster, Random random, InstantSource clock, Processes processes) {
    this.cluster = cluster;
    this.random = random;
    this.clock = clock;
    this.processes = processes;
  }

  /** One random action of one of them; false when there is none. */
  boolean act() {
    List<Runnable> actions = actions();
    if (actions.isEmpty()) {
      return false;
    }
    actions.get(random.nextInt(actions.size())).run();
    return true;
  }

  boolean hasAction() {
    return !actions().isEmpty();
  }

  /** When the process of the next terminating pod ends. */
  Optional<Instant> nextProcessEnd() {
    return cluster.pods.values().stream()
        .filter(p -> p.terminating() && !p.terminal() && p.node().isPresent())
        .map(p -> cluster.processEndsAt.get(p.uid()))
        .min(Instant::compareTo);
  }

  private List<Runnable> actions() {
    List<Runnable> actions = new ArrayList<>();
    for (ObservedJob job : cluster.jobs.values()) {
      actions.addAll(actionsOf(job));
    }
    for (ObservedPod pod : cluster.pods.values()) {
      if (!pod.terminating()
          && !pod.jobUid().isEmpty()
          && !cluster.jobs.containsKey(pod.jobUid())) {
        actions.add(() -> cluster.deletePod(pod.uid())); // it was created late: its Job is gone
      }
      actions.addAll(actionsOf(pod));
    }
    return actions;
  }

  // ---- the Job controller and the garbage collector

  private List<Runnable> actionsOf(ObservedJob job) {
    if (job.token().isEmpty()) {
      return List.of();
    }
    if (cluster.runs.values().stream()
        .noneMatch(r -> r.uid().equals(cluster.owners.get(job.uid())))) {
      return List.of(() -> cluster.deleteJob(job.uid()));
    }
    if (!podsCreated.containsKey(job.uid())) {
      return isRefusingPods() || job.suspended() ? List.of() : List.of(() -> createPod(job));
    }
    boolean alive =
        job.active() > 0
            || cluster.pods.values().stream()
                .anyMatch(p -> p.jobUid().equals(job.uid()) && !p.terminal());
    return job.ended() || alive
        ? List.of()
        : List.of(() -> cluster.jobs.put(job.uid(), ended(job)));
  }

  private boolean isRefusingPods() {
    return Stream.of(Fault.PODS_REFUSED, Fault.TEMPLATES_REFUSED)
        .anyMatch(cluster.refusing::contains);
  }

  private static ObservedJob ended(ObservedJob j) {
    return new ObservedJob(
        j.namespace(), j.name(), j.uid(), j.token(), j.createdAt(), j.suspended(), 0, true);
  }

  /** Also for a Job that was deleted meanwhile. */
  void createPod(ObservedJob job) {
    podsCreated.merge(job.uid(), 1, Integer::sum);
    if (cluster.refusing.contains(Fault.PODS_STRIPPED)) {
      createStrippedPod(job);
    } else {
      cluster.put(Pods.gated(job, cluster.newUid("pod")));
    }
  }

  /** Without its labels, so that the Job controller gives up its ownership. */
  private void createStrippedPod(ObservedJob job) {
    String uid = cluster.newUid("pod");
    String name = job.name() + "-" + uid;
    cluster.put(Pods.labelled(Pods.gated(job.namespace(), name, uid, job.token(), ""), false));
    cluster.jobs.computeIfPresent(job.uid(), (k, j) -> active(j));
  }

  private static ObservedJob active(ObservedJob j) {
    return new ObservedJob(
        j.namespace(), j.name(), j.uid(), j.token(), j.createdAt(), j.suspended(), 1, j.ended());
  }

  /** A Job with one pod, for which the Job controller may create a second one. */
  Optional<ObservedJob> jobWithOnePod() {
    return cluster.jobs.values().stream()
        .filter(j -> !j.ended() && podsCreated.getOrDefault(j.uid(), 0) == 1)
        .findFirst();
  }

  // ---- scheduler and kubelets

  private List<Runnable> actionsOf(ObservedPod pod) {
    if (pod.terminating() && (pod.node().isEmpty() || pod.terminal())) {
      return List.of(() -> cluster.remove(pod));
    }
    if (pod.terminal() || pod.gated()) {
      return List.of();
    }
    if (pod.startFailure().isPresent() && !pod.terminating()) {
      return List.of();
    }
    if (pod.node().isEmpty()) {
      String node = cluster.nodeNames.get(random.nextInt(cluster.nodeNames.size()));
      return cluster.isReady(node) ? List.of(() -> cluster.put(Pods.placed(pod, node))) : List.of();
    }
    if (!cluster.isReady(pod.node().get())) {
      return List.of();
    }
    if (pod.terminating()) {
      boolean stillRuns = clock.instant().isBefore(cluster.processEndsAt.get(pod.uid()));
      Ending ending = endingsOfLeftOver.getOrDefault(pod.uid(), ending(FailureCause.KILLED, 137));
      return stillRuns ? List.of() : List.of(() -> end(pod, ending));
    }
    if (pod.leftover().isPresent()) {
      return List.of(); // its second container never ends by itself
    }
    return pod.startedAt().isEmpty()
        ? List.of(() -> cluster.put(Pods.started(pod, clock.instant())))
        : List.of(() -> endPipeline(pod, randomEnding()));
  }

  /** One in eight pods has a second container, which runs on. */
  private void endPipeline(ObservedPod pod, Ending ending) {
    if (random.nextInt(8) == 0) {
      endingsOfLeftOver.put(pod.uid(), ending);
      cluster.put(Pods.leftOver(pod, clock.instant()));
    } else {
      end(pod, ending);
    }
  }

  private void end(ObservedPod pod, Ending ending) {
    processes.end(pod.uid());
    cluster.put(Pods.terminal(Pods.ended(pod, ending)));
  }

  private Ending randomEnding() {
    return switch (random.nextInt(12)) {
      case 0 -> ending(Verdict.TASK_FAILED, 30);
      case 1 -> ending(FailureCause.OOM_KILLED, 137);
      case 2 -> ending(Verdict.DRAINED, 60);
      case 3 -> ending(Verdict.INTERNAL_ERROR, 40);
      default -> ending(Verdict.SUCCEEDED, 0);
    };
  }

  private static Ending ending(EndCause cause, int code) {
    return new Ending(cause, OptionalInt.of(code), cause.reason(), "");
  }

  // ---- faults

  /** The pod does not start, and the scheduler or the kubelet reports why. */
  void failStart(ObservedPod pod) {
    FailureCause cause =
        pod.node().isEmpty()
            ? FailureCause.UNSCHEDULABLE
            : random.nextInt(3) == 0
                ? FailureCause.IMAGE_USER_NOT_NUMERIC
                : FailureCause.IMAGE_PULL;
    boolean shortage = cause == FailureCause.UNSCHEDULABLE && random.nextBoolean();
    cluster.put(
        pod.with(Optional.of(new StartFailure(cause, cause.reason(), clock.instant(), shortage))));
  }

  /** A forced deletion: the pod is removed at once, and its process runs on for a while. */
  void forceDelete(ObservedPod pod) {
    String node = pod.node().orElseThrow();
    Duration lifetime = cluster.isReady(node) ? cluster.randomGracePeriod() : PARTITION_KILL;
    processes.endAt(pod.uid(), node, clock.instant().plus(lifetime));
    cluster.forget(pod);
  }

  /** A node loses its connection: for the API server nothing on it ends or starts. */
  void disconnect(String node) {
    if (cluster.isReady(node)) {
      cluster.nodes.put(node, new ObservedNode(Health.NOT_READY, clock.instant()));
    }
  }

  /** Ends all faults: nodes are connected again, and their kubelets stop deleted pods. */
  void repair() {
    for (String node : cluster.nodeNames) {
      if (!cluster.isReady(node)) {
        cluster.nodes.put(node, new ObservedNode(Health.READY, clock.instant()));
        processes.endAllOf(node, clock.instant().plus(cluster.randomGracePeriod()));
      }
    }
    cluster.pods.replaceAll(
        (uid, p) -> p.startFailure().isPresent() ? p.with(Optional.empty()) : p);
    // those without labels are found by their UID or owner
    cluster.pods.replaceAll(
        (uid, p) -> p.jobUid().isEmpty() || random.nextBoolean() ? Pods.labelled(p, true) : p);
    cluster.refusing.clear();
    cluster.jobs.values().removeIf(j -> j.token().isEmpty());
  }
}
