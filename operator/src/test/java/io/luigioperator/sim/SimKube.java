/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.sim;

import io.luigioperator.api.PipelineRunSpec;
import io.luigioperator.api.PipelineRunStatus;
import io.luigioperator.job.Kube;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.AttemptSeen;
import io.luigioperator.run.AttemptSeen.JobSeen;
import io.luigioperator.run.AttemptSeen.PodSeen;
import io.luigioperator.run.Ending;
import io.luigioperator.run.FailureCause;
import io.luigioperator.run.NodeSeen;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunObject;
import io.luigioperator.run.ScheduleObject;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;

/** One operator's door to the cluster, with caches that lag object by object. */
final class SimKube implements Kube {

  /** A fault planted into the observation or the gate, that an invariant must catch. */
  enum Mutant {
    NONE,
    /** Takes a terminating pod for an ended one. */
    EARLY,
    /** Opens a gate by the pod's attempt instead of its UID. */
    BY_NAME
  }

  private final SimCluster cluster;
  private final Mutant mutant;
  private final TreeMap<RunKey, RunObject> runs = new TreeMap<>();
  private final TreeMap<String, JobSeen> jobs = new TreeMap<>();
  private final TreeMap<String, PodSeen> pods = new TreeMap<>();

  SimKube(SimCluster cluster, Mutant mutant) {
    this.cluster = cluster;
    this.mutant = mutant;
    syncAll();
  }

  // ---- caches

  /** One watch event, or a relist, of random objects; the token of the pod among them. */
  Optional<String> syncOne(Random random) {
    TreeSet<String> podUids = new TreeSet<>(pods.keySet());
    podUids.addAll(cluster.pods.keySet());
    TreeSet<String> jobUids = new TreeSet<>(jobs.keySet());
    jobUids.addAll(cluster.jobs.keySet());
    TreeSet<RunKey> keys = new TreeSet<>(runs.keySet());
    keys.addAll(cluster.runs.keySet());
    Optional<String> pod = pick(podUids, random);
    pod.ifPresent(u -> syncPod(u, random.nextInt(5) > 0));
    pick(jobUids, random).ifPresent(u -> copy(u, cluster.jobs, jobs));
    pick(keys, random).ifPresent(k -> copy(k, cluster.runs, runs));
    return pod.map(u -> Optional.ofNullable(cluster.pods.get(u)).orElse(cluster.lastStates.get(u)))
        .map(PodSeen::token);
  }

  void syncAll() {
    for (String u :
        Stream.concat(pods.keySet().stream(), cluster.pods.keySet().stream()).toList()) {
      syncPod(u, true);
    }
    jobs.clear();
    jobs.putAll(cluster.jobs);
    runs.clear();
    runs.putAll(cluster.runs);
  }

  private void syncPod(String uid, boolean finalStateKnown) {
    PodSeen truth = cluster.pods.get(uid);
    if (truth != null) {
      pods.put(uid, truth);
    } else if (!pods.getOrDefault(uid, cluster.lastStates.get(uid)).gone()) {
      if (finalStateKnown) {
        pods.put(uid, gone(cluster.lastStates.get(uid)));
      } else {
        pods.remove(uid); // a watch that was broken at that moment never tells
      }
    }
  }

  private static PodSeen gone(PodSeen p) {
    return new PodSeen(
        p.namespace(),
        p.name(),
        p.uid(),
        p.token(),
        p.jobUid(),
        p.gated(),
        p.terminating(),
        true,
        p.node(),
        p.startedAt(),
        p.terminal(),
        p.ending(),
        p.trouble());
  }

  private static <K, V> void copy(K key, TreeMap<K, V> from, TreeMap<K, V> to) {
    if (from.containsKey(key)) {
      to.put(key, from.get(key));
    } else {
      to.remove(key);
    }
  }

  private static <T> Optional<T> pick(Collection<T> from, Random random) {
    return from.isEmpty()
        ? Optional.empty()
        : Optional.of(List.copyOf(from).get(random.nextInt(from.size())));
  }

  // ---- the door

  @Override
  public String identity() {
    return SimCluster.IDENTITY;
  }

  @Override
  public NamespaceState namespace(String name) {
    return NamespaceState.ACTIVE;
  }

  @Override
  public Optional<Instant> deletionsConfirmed(String namespace) {
    return Optional.empty();
  }

  @Override
  public boolean crdEstablished() {
    return true;
  }

  @Override
  public NodeSeen node(String name) {
    return cluster.nodes.getOrDefault(name, NodeSeen.gone());
  }

  @Override
  public boolean crowded(Instant now) {
    return false;
  }

  @Override
  public Optional<RunObject> run(RunKey key, Freshness freshness) {
    return Optional.ofNullable((freshness == Freshness.LIVE ? cluster.runs : runs).get(key));
  }

  @Override
  public Optional<ScheduleObject> schedule(String namespace, String name) {
    return Optional.empty();
  }

  @Override
  public RunCreation createRun(RunKey key, PipelineRunSpec spec) {
    return new RunCreation.Present(cluster.createRun(key, spec, true));
  }

  @Override
  public void deleteRun(RunKey key, String uid) {
    cluster.deleteRun(key, uid);
  }

  @Override
  public boolean writeStatus(RunObject object, PipelineRunStatus status) {
    cluster.runs.computeIfPresent(
        object.key(),
        (k, o) ->
            o.uid().equals(object.uid())
                ? new RunObject(
                    k,
                    o.uid(),
                    o.generation(),
                    o.createdAt(),
                    o.deleting(),
                    o.ours(),
                    o.spec(),
                    Optional.of(status))
                : o);
    return true;
  }

  @Override
  public void warn(RunObject object, String reason, String message) {
    // events change nothing
  }

  @Override
  public AttemptSeen attempt(Attempt attempt, Freshness freshness) {
    boolean live = freshness == Freshness.LIVE;
    Optional<JobSeen> job =
        live
            ? cluster.job(attempt.run().namespace(), attempt.jobName())
            : jobs.values().stream()
                .filter(j -> j.name().equals(attempt.jobName()))
                .filter(j -> j.namespace().equals(attempt.run().namespace()))
                .findFirst();
    List<PodSeen> seen = new ArrayList<>();
    if (live) {
      pods.values().stream()
          .filter(p -> p.gone() && !cluster.pods.containsKey(p.uid()))
          .forEach(seen::add);
      seen.addAll(cluster.pods.values());
    } else {
      seen.addAll(pods.values());
    }
    return new AttemptSeen(
        job,
        seen.stream().filter(p -> p.token().equals(attempt.token())).map(this::misread).toList(),
        live);
  }

  private PodSeen misread(PodSeen p) {
    boolean fooled = mutant == Mutant.EARLY && p.terminating() && p.ending().isEmpty();
    return fooled
        ? new PodSeen(
            p.namespace(),
            p.name(),
            p.uid(),
            p.token(),
            p.jobUid(),
            p.gated(),
            true,
            p.gone(),
            p.node(),
            p.startedAt(),
            true,
            Optional.of(Ending.of(FailureCause.POD_DELETED, "deleted")),
            p.trouble())
        : p;
  }

  @Override
  public JobCreation createJob(Run run, Attempt attempt, RunObject owner) {
    return cluster
        .createJob(attempt)
        .<JobCreation>map(JobCreation.Exists::new)
        .orElseGet(
            () ->
                new JobCreation.Created(
                    cluster.job(attempt.run().namespace(), attempt.jobName()).orElseThrow()));
  }

  @Override
  public DryRun dryRun(RunKey run, String request) {
    return new DryRun.Allowed();
  }

  @Override
  public boolean openGate(PodSeen pod) {
    if (mutant == Mutant.BY_NAME) {
      return cluster.pods.values().stream()
          .filter(p -> p.token().equals(pod.token()) && p.gated())
          .toList()
          .stream()
          .map(p -> cluster.openGate(p.uid()))
          .reduce(false, Boolean::logicalOr);
    }
    return cluster.openGate(pod.uid());
  }

  @Override
  public void deletePod(String namespace, String name, String uid) {
    cluster.deletePod(uid);
  }

  @Override
  public void deleteJob(JobSeen job) {
    cluster.deleteJob(job.uid());
  }

  @Override
  public List<JobSeen> jobs() {
    return List.copyOf(cluster.jobs.values());
  }

  @Override
  public List<PodSeen> pods() {
    return List.copyOf(cluster.pods.values());
  }
}
