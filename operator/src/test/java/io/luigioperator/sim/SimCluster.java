/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.sim;

import io.luigioperator.api.PipelineRunSpec;
import io.luigioperator.job.Kube.NamespaceState;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.ClusterIdentity;
import io.luigioperator.run.Ending;
import io.luigioperator.run.FailureCause;
import io.luigioperator.run.ObservedAttempt.ObservedJob;
import io.luigioperator.run.ObservedAttempt.ObservedPod;
import io.luigioperator.run.ObservedNode;
import io.luigioperator.run.ObservedNode.Health;
import io.luigioperator.run.Pods;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunObject;
import io.luigioperator.run.ScheduleKey;
import io.luigioperator.run.ScheduleObject;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Consumer;

/** One cluster: what its API server has stored, and how it applies requests. */
final class SimCluster {

  final String name;
  final List<String> nodeNames;
  final TreeMap<RunKey, RunObject> runs = new TreeMap<>();
  final TreeMap<ScheduleKey, ScheduleObject> schedules = new TreeMap<>();
  final TreeMap<String, ObservedJob> jobs = new TreeMap<>();
  final TreeMap<String, ObservedPod> pods = new TreeMap<>();
  final TreeMap<String, ObservedNode> nodes = new TreeMap<>();

  /** The last states of deleted pods. */
  final Map<String, ObservedPod> lastStates = new HashMap<>();

  /** UIDs of the PipelineRuns that own the Jobs. */
  final Map<String, String> owners = new HashMap<>();

  /** When the processes of terminating pods end, by the UIDs of the pods. */
  final Map<String, Instant> processEndsAt = new HashMap<>();

  /** What its admission refuses until {@link SimControllers#repair}. */
  final Set<Fault> refusing = EnumSet.noneOf(Fault.class);

  private final Random random;
  private final InstantSource clock;
  private final Processes processes;
  private final Consumer<ObservedPod> opened;
  private String identity;
  private boolean rebuilt;
  private Instant servedSince = Instant.EPOCH;
  private Optional<Instant> deletionsConfirmed = Optional.empty();
  private final List<String> retired = new ArrayList<>();
  private long uids;

  /**
   * @param opened called for each pod whose gate is removed
   */
  SimCluster(
      String name,
      Random random,
      InstantSource clock,
      Processes processes,
      Consumer<ObservedPod> opened) {
    this.name = name;
    this.random = random;
    this.clock = clock;
    this.processes = processes;
    this.opened = opened;
    this.nodeNames = List.of(name + "-a", name + "-b");
    this.identity = newUid("kube-system");
    nodeNames.forEach(n -> nodes.put(n, new ObservedNode(Health.READY, clock.instant())));
  }

  String newUid(String kind) {
    return "%s-%s-%06d".formatted(name, kind, ++uids);
  }

  String identity() {
    return identity;
  }

  /** As in the ledger. */
  ClusterIdentity registeredAs() {
    return new ClusterIdentity(name, identity);
  }

  /** The UIDs of the clusters that this one replaced, and that a person has declared dead. */
  Set<String> retired() {
    return Set.copyOf(retired);
  }

  boolean isRebuilt() {
    return rebuilt;
  }

  /** When its namespace was created. */
  Instant servedSince() {
    return servedSince;
  }

  /** When a person confirmed that missing PipelineRuns were deleted on purpose. */
  Optional<Instant> deletionsConfirmed() {
    return deletionsConfirmed;
  }

  void confirmDeletions() {
    deletionsConfirmed = Optional.of(clock.instant());
  }

  /** Whether its namespace was ever created again. */
  boolean isRecreated() {
    return servedSince.isAfter(Instant.EPOCH);
  }

  NamespaceState namespace() {
    return refusing.contains(Fault.NAMESPACE_TERMINATING)
        ? NamespaceState.TERMINATING
        : NamespaceState.ACTIVE;
  }

  boolean isReady(String node) {
    return nodes.get(node).health() == Health.READY;
  }

  // ---- PipelineRuns

  RunObject createRun(RunKey key, PipelineRunSpec spec, boolean createdByOperator) {
    return runs.computeIfAbsent(
        key,
        k ->
            new RunObject(
                k,
                newUid("run"),
                1,
                clock.instant(),
                false,
                createdByOperator,
                spec,
                Optional.empty()));
  }

  void deleteRun(RunKey key, String uid) {
    RunObject object = runs.get(key);
    if (object != null && object.uid().equals(uid)) {
      runs.remove(key);
    }
  }

  // ---- Jobs

  /** Empty if it was created; else the Job that already has the name. */
  Optional<ObservedJob> createJob(Attempt attempt, String ownerUid) {
    Optional<ObservedJob> there = job(attempt.run().namespace(), attempt.jobName());
    if (there.isEmpty()) {
      ObservedJob job = putJob(attempt.run().namespace(), attempt.jobName(), attempt.token());
      owners.put(job.uid(), ownerUid);
    }
    return there;
  }

  /** With an empty token it is a Job that no operator created. */
  ObservedJob putJob(String namespace, String jobName, String token) {
    boolean suspended = !token.isEmpty() && refusing.contains(Fault.JOBS_SUSPENDED);
    ObservedJob job =
        new ObservedJob(
            namespace, jobName, newUid("job"), token, clock.instant(), suspended, 0, false);
    jobs.put(job.uid(), job);
    return job;
  }

  Optional<ObservedJob> job(String namespace, String jobName) {
    return jobs.values().stream()
        .filter(j -> j.namespace().equals(namespace) && j.name().equals(jobName))
        .findFirst();
  }

  void deleteJob(String uid) {
    if (jobs.remove(uid) != null) {
      pods.values().stream()
          .filter(p -> p.jobUid().equals(uid))
          .toList()
          .forEach(p -> deletePod(p.uid()));
    }
  }

  // ---- pods

  boolean openGate(String uid) {
    ObservedPod pod = pods.get(uid);
    if (pod == null || !pod.gated() || pod.terminating()) {
      return false;
    }
    opened.accept(pod);
    put(Pods.opened(pod, clock.instant()));
    return true;
  }

  void deletePod(String uid) {
    ObservedPod pod = pods.get(uid);
    if (pod == null || pod.terminating()) {
      return;
    }
    if (pod.terminal()) {
      remove(pod);
    } else if (pod.node().isPresent()) {
      // the process uses all or a part of its grace period
      processEndsAt.put(uid, clock.instant().plus(randomGracePeriod()));
      put(Pods.terminating(pod));
    } else {
      processes.end(uid); // it can no longer be scheduled
      put(
          Pods.ended(
              Pods.terminating(pod),
              Ending.of(FailureCause.POD_DELETED, "deleted before it had a node")));
    }
  }

  Duration randomGracePeriod() {
    return Duration.ofSeconds(random.nextInt(120));
  }

  void put(ObservedPod pod) {
    pods.put(pod.uid(), pod);
  }

  void remove(ObservedPod pod) {
    processes.end(pod.uid());
    forget(pod);
  }

  /** Removes it from the API server only; its process may still run. */
  void forget(ObservedPod pod) {
    pods.remove(pod.uid());
    lastStates.put(pod.uid(), pod);
  }

  /** Removes the Jobs and pods of a run. */
  void removeAllOf(RunKey run) {
    String prefix = run.name() + "-a";
    List.copyOf(pods.values()).stream()
        .filter(p -> p.name().startsWith(prefix))
        .forEach(this::remove);
    jobs.values().removeIf(j -> j.name().startsWith(prefix));
  }

  // ---- the whole cluster

  /**
   * Its namespace is deleted with all that is in it, and created again; a user applies from Git
   * what users had applied before.
   */
  void recreateNamespace() {
    servedSince = clock.instant();
    List.copyOf(pods.values()).forEach(this::remove);
    jobs.clear();
    List<RunObject> before = List.copyOf(runs.values());
    runs.clear();
    before.stream()
        .filter(o -> !o.createdByOperator() && !o.deleting())
        .forEach(o -> createRun(o.key(), o.spec(), false));
  }

  /** Replaces it by an empty cluster of the same name; nothing of the old one runs any more. */
  void rebuild() {
    rebuilt = true;
    List.copyOf(pods.values()).forEach(this::remove);
    jobs.clear();
    runs.clear();
    retired.add(identity);
    identity = newUid("kube-system");
    nodeNames.forEach(n -> processes.endAllOf(n, clock.instant()));
    nodeNames.forEach(n -> nodes.put(n, new ObservedNode(Health.READY, clock.instant())));
  }
}
