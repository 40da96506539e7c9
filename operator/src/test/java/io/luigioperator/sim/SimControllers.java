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
 * Those that act on the objects of one cluster in their own time: the Job controller, the garbage
 * collector, the scheduler, the kubelets, and what befalls them.
 */
final class SimControllers {

  private static final Duration PARTITION_KILL = Duration.ofSeconds(300);

  private final SimCluster cluster;
  private final Random random;
  private final InstantSource clock;
  private final Processes processes;
  private final Map<String, Integer> podsMade = new HashMap<>();

  SimControllers(SimCluster cluster, Random random, InstantSource clock, Processes processes) {
    this.cluster = cluster;
    this.random = random;
    this.clock = clock;
    this.processes = processes;
  }

  /** Lets a random one of them do one thing; false when nobody has anything to do now. */
  boolean act() {
    List<Runnable> moves = moves();
    if (moves.isEmpty()) {
      return false;
    }
    moves.get(random.nextInt(moves.size())).run();
    return true;
  }

  boolean canAct() {
    return !moves().isEmpty();
  }

  /** When the next terminating pod has used up its grace period. */
  Optional<Instant> nextDeath() {
    return cluster.pods.values().stream()
        .filter(p -> p.terminating() && !p.terminal() && p.node().isPresent())
        .map(p -> cluster.diesAt.get(p.uid()))
        .min(Instant::compareTo);
  }

  private List<Runnable> moves() {
    List<Runnable> moves = new ArrayList<>();
    for (ObservedJob job : cluster.jobs.values()) {
      moves.addAll(movesOf(job));
    }
    for (ObservedPod pod : cluster.pods.values()) {
      if (!pod.terminating() && !cluster.jobs.containsKey(pod.jobUid())) {
        moves.add(() -> cluster.deletePod(pod.uid())); // a late one: its Job is gone
      }
      moves.addAll(movesOf(pod));
    }
    return moves;
  }

  // ---- the Job controller and the garbage collector

  private List<Runnable> movesOf(ObservedJob job) {
    if (job.token().isEmpty()) {
      return List.of();
    }
    if (cluster.runs.values().stream()
        .noneMatch(r -> r.uid().equals(cluster.owners.get(job.uid())))) {
      return List.of(() -> cluster.deleteJob(job.uid()));
    }
    if (!podsMade.containsKey(job.uid())) {
      return isRefusingPods() ? List.of() : List.of(() -> makePod(job));
    }
    boolean alive =
        cluster.pods.values().stream().anyMatch(p -> p.jobUid().equals(job.uid()) && !p.terminal());
    return job.ended() || alive
        ? List.of()
        : List.of(() -> cluster.jobs.put(job.uid(), ended(job)));
  }

  private boolean isRefusingPods() {
    return Stream.of(Fault.PODS_REFUSED, Fault.TEMPLATES_REFUSED)
        .anyMatch(cluster.refusing::contains);
  }

  private static ObservedJob ended(ObservedJob j) {
    return new ObservedJob(j.namespace(), j.name(), j.uid(), j.token(), j.createdAt(), true);
  }

  /** Also late, for a Job that is gone meanwhile. */
  void makePod(ObservedJob job) {
    podsMade.merge(job.uid(), 1, Integer::sum);
    cluster.put(Pods.gated(job, cluster.newUid("pod")));
  }

  /** A Job that has one pod so far may get a second one. */
  Optional<ObservedJob> jobWithOnePod() {
    return cluster.jobs.values().stream()
        .filter(j -> !j.ended() && podsMade.getOrDefault(j.uid(), 0) == 1)
        .findFirst();
  }

  // ---- scheduler and kubelets

  private List<Runnable> movesOf(ObservedPod pod) {
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
      boolean lingers = clock.instant().isBefore(cluster.diesAt.get(pod.uid()));
      return lingers ? List.of() : List.of(() -> end(pod, ending(FailureCause.KILLED, 143)));
    }
    return pod.startedAt().isEmpty()
        ? List.of(() -> cluster.put(Pods.started(pod, clock.instant())))
        : List.of(() -> end(pod, randomEnding()));
  }

  private void end(ObservedPod pod, Ending ending) {
    processes.end(pod.uid());
    cluster.put(Pods.terminal(Pods.ended(pod, ending)));
  }

  private Ending randomEnding() {
    return switch (random.nextInt(12)) {
      case 0 -> ending(Verdict.TASK_FAILED, 30);
      case 1 -> ending(FailureCause.OUT_OF_MEMORY, 137);
      case 2 -> ending(Verdict.DRAINED, 60);
      case 3 -> ending(Verdict.INTERNAL_ERROR, 40);
      default -> ending(Verdict.SUCCEEDED, 0);
    };
  }

  private static Ending ending(EndCause cause, int code) {
    return new Ending(cause, OptionalInt.of(code), cause.reason(), "");
  }

  // ---- what befalls them

  /** Opened, and not started: the scheduler, or the kubelet, says why. */
  void startFailure(ObservedPod pod) {
    FailureCause cause =
        pod.node().isEmpty()
            ? FailureCause.UNSCHEDULABLE
            : random.nextInt(3) == 0 ? FailureCause.IMAGE_USER : FailureCause.IMAGE_PULL;
    cluster.put(pod.with(Optional.of(new StartFailure(cause, cause.reason(), clock.instant()))));
  }

  /** A forced delete: the API forgets the pod, the process lives on for a while. */
  void tearAway(ObservedPod pod) {
    String node = pod.node().orElseThrow();
    Duration dies = cluster.isReady(node) ? cluster.grace() : PARTITION_KILL;
    processes.endAt(pod.uid(), node, clock.instant().plus(dies));
    cluster.forget(pod);
  }

  /** A node falls silent; nothing on it ends, and nothing new starts. */
  void silence(String node) {
    if (cluster.isReady(node)) {
      cluster.nodes.put(node, new ObservedNode(Health.NOT_READY, clock.instant()));
    }
  }

  /** Nodes come back, and their kubelets stop what was torn away meanwhile; troubles are mended. */
  void heal() {
    for (String node : cluster.nodeNames) {
      if (!cluster.isReady(node)) {
        cluster.nodes.put(node, new ObservedNode(Health.READY, clock.instant()));
        processes.endAllOf(node, clock.instant().plus(cluster.grace()));
      }
    }
    cluster.pods.replaceAll(
        (uid, p) -> p.startFailure().isPresent() ? p.with(Optional.empty()) : p);
    cluster.refusing.clear();
    cluster.jobs.values().removeIf(j -> j.token().isEmpty());
  }
}
