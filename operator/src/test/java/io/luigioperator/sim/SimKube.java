/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.sim;

import io.luigioperator.api.PipelineRunSpec;
import io.luigioperator.api.PipelineRunStatus;
import io.luigioperator.job.Kube;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.Ending;
import io.luigioperator.run.FailureCause;
import io.luigioperator.run.ObservedAttempt;
import io.luigioperator.run.ObservedAttempt.ObservedJob;
import io.luigioperator.run.ObservedAttempt.ObservedPod;
import io.luigioperator.run.ObservedAttempt.StartFailure;
import io.luigioperator.run.ObservedNode;
import io.luigioperator.run.Pods;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunObject;
import io.luigioperator.run.ScheduleObject;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;

/** One operator's door to the cluster, with caches that lag object by object. */
final class SimKube implements Kube {

  /**
   * A watch event.
   *
   * @param deletion a PipelineRun is gone or going
   * @param wakes it is one that has the run looked at; what an operator writes itself is not
   */
  record Heard(RunKey run, boolean deletion, boolean wakes) {}

  private final SimCluster cluster;
  private final Mutant mutant;
  private final TreeMap<RunKey, RunObject> runs = new TreeMap<>();
  private final TreeMap<String, ObservedJob> jobs = new TreeMap<>();
  private final TreeMap<String, ObservedPod> pods = new TreeMap<>();

  /** Its caches are filled, as at a start. */
  SimKube(SimCluster cluster, Mutant mutant) {
    this.cluster = cluster;
    this.mutant = mutant;
    runs.putAll(cluster.runs);
    jobs.putAll(cluster.jobs);
    pods.putAll(cluster.pods);
  }

  // ---- caches

  /** Whether a watch has something to tell. */
  boolean isBehind() {
    return !news().isEmpty();
  }

  /**
   * Lets a watch tell about one random object that has changed.
   *
   * @param missedOneIn so seldom a watch was broken while a pod was deleted, and never tells; 0:
   *     never
   */
  Optional<Heard> hear(Random random, int missedOneIn) {
    List<Object> news = news();
    if (news.isEmpty()) {
      return Optional.empty();
    }
    return Optional.of(
        switch (news.get(random.nextInt(news.size()))) {
          case ObservedPod p -> hearOfPod(p, missedOneIn > 0 && random.nextInt(missedOneIn) == 0);
          case ObservedJob j -> {
            copy(j.uid(), cluster.jobs, jobs);
            yield new Heard(runOf(j.namespace(), j.name()), false, true);
          }
          case RunObject o -> hearOfRun(o.key());
          default -> throw new IllegalStateException();
        });
  }

  /** Each as it is there, or, when it is not there any more, as it was known. */
  private List<Object> news() {
    List<Object> news = new ArrayList<>();
    cluster.pods.forEach((uid, p) -> addUnless(pods.get(uid) == p, p, news));
    pods.forEach((uid, p) -> addUnless(p.gone() || cluster.pods.containsKey(uid), p, news));
    cluster.jobs.forEach((uid, j) -> addUnless(jobs.get(uid) == j, j, news));
    jobs.forEach((uid, j) -> addUnless(cluster.jobs.containsKey(uid), j, news));
    cluster.runs.forEach((key, o) -> addUnless(runs.get(key) == o, o, news));
    runs.forEach((key, o) -> addUnless(cluster.runs.containsKey(key), o, news));
    return news;
  }

  private static void addUnless(boolean known, Object what, List<Object> news) {
    if (!known) {
      news.add(what);
    }
  }

  private Heard hearOfPod(ObservedPod p, boolean missed) {
    if (cluster.pods.containsKey(p.uid())) {
      pods.put(p.uid(), p);
    } else if (missed) {
      pods.remove(p.uid());
    } else {
      pods.put(p.uid(), cluster.lastStates.get(p.uid()).asGone());
    }
    return new Heard(runOf(p.namespace(), p.name()), false, true);
  }

  private Heard hearOfRun(RunKey key) {
    Optional<RunObject> before = Optional.ofNullable(runs.get(key));
    copy(key, cluster.runs, runs);
    Optional<RunObject> after = Optional.ofNullable(runs.get(key));
    boolean deletion =
        before.isPresent()
            && after.filter(o -> o.uid().equals(before.get().uid()) && !o.deleting()).isEmpty();
    return new Heard(key, deletion, !before.map(SimKube::wish).equals(after.map(SimKube::wish)));
  }

  private static List<Object> wish(RunObject o) {
    return List.of(o.uid(), o.generation(), o.deleting());
  }

  private static <K, V> void copy(K key, Map<K, V> from, Map<K, V> to) {
    if (from.containsKey(key)) {
      to.put(key, from.get(key));
    } else {
      to.remove(key);
    }
  }

  /** The label says it in a real cluster. */
  private static RunKey runOf(String namespace, String jobOrPod) {
    return new RunKey(namespace, jobOrPod.replaceFirst("-a[0-9].*", ""));
  }

  // ---- the cluster

  @Override
  public String identity() {
    return cluster.identity();
  }

  @Override
  public NamespaceState namespace(String name) {
    return cluster.namespace();
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
  public ObservedNode node(String name) {
    return cluster.nodes.getOrDefault(name, ObservedNode.gone());
  }

  @Override
  public boolean crowded(Instant now) {
    return pods.values().stream()
        .filter(p -> !p.gated() && !p.terminating() && !p.gone())
        .flatMap(p -> p.startFailure().stream())
        .filter(t -> t.cause() == FailureCause.UNSCHEDULABLE)
        .map(StartFailure::since)
        .anyMatch(t -> now.isAfter(t.plusSeconds(30)) && now.isBefore(t.plusSeconds(300)));
  }

  // ---- PipelineRuns

  @Override
  public Optional<RunObject> run(RunKey key, Freshness freshness) {
    return Optional.ofNullable((freshness == Freshness.LIVE ? cluster.runs : runs).get(key));
  }

  @Override
  public Optional<ScheduleObject> schedule(String namespace, String name) {
    return Optional.ofNullable(cluster.schedules.get(new RunKey(namespace, name)));
  }

  @Override
  public RunCreation createRun(RunKey key, PipelineRunSpec spec) {
    return cluster.refusing.contains(Fault.OBJECTS_REFUSED) && !cluster.runs.containsKey(key)
        ? new RunCreation.Refused("a policy refuses it")
        : new RunCreation.Present(cluster.createRun(key, spec, true));
  }

  @Override
  public void deleteRun(RunKey key, String uid) {
    cluster.deleteRun(key, uid);
  }

  @Override
  public boolean writeStatus(RunObject object, PipelineRunStatus status) {
    RunObject there = cluster.runs.get(object.key());
    if (there == null || !there.uid().equals(object.uid())) {
      return true;
    }
    if (there != object) {
      runs.put(object.key(), there); // the next look is at this one
      return false;
    }
    cluster.runs.put(
        object.key(),
        new RunObject(
            object.key(),
            object.uid(),
            object.generation(),
            object.createdAt(),
            object.deleting(),
            object.createdByOperator(),
            object.spec(),
            Optional.of(status)));
    return true;
  }

  @Override
  public void warn(RunObject object, String reason, String message) {
    // events change nothing
  }

  // ---- Jobs and pods

  @Override
  public ObservedAttempt attempt(Attempt attempt, Freshness freshness) {
    boolean live = freshness == Freshness.LIVE;
    Optional<ObservedJob> job =
        live
            ? cluster.job(attempt.run().namespace(), attempt.jobName())
            : jobs.values().stream()
                .filter(j -> j.name().equals(attempt.jobName()))
                .filter(j -> j.namespace().equals(attempt.run().namespace()))
                .findFirst();
    List<ObservedPod> seen = new ArrayList<>();
    if (live) {
      pods.values().stream()
          .filter(p -> p.gone() && !cluster.pods.containsKey(p.uid()))
          .forEach(seen::add);
      seen.addAll(cluster.pods.values());
    } else {
      seen.addAll(pods.values());
    }
    return new ObservedAttempt(
        job,
        seen.stream().filter(p -> p.token().equals(attempt.token())).map(this::misread).toList(),
        live);
  }

  private ObservedPod misread(ObservedPod p) {
    boolean fooled = mutant == Mutant.ENDS_EARLY && p.terminating() && p.ending().isEmpty();
    return fooled
        ? Pods.terminal(Pods.ended(p, Ending.of(FailureCause.POD_DELETED, "deleted")))
        : p;
  }

  @Override
  public JobCreation createJob(Run run, Attempt attempt, RunObject owner) {
    if (cluster.refusing.contains(Fault.JOBS_REFUSED)) {
      return new JobCreation.Refused("a webhook refuses it");
    }
    return cluster
        .createJob(attempt, owner.uid())
        .<JobCreation>map(JobCreation.Exists::new)
        .orElseGet(
            () ->
                new JobCreation.Created(
                    cluster.job(attempt.run().namespace(), attempt.jobName()).orElseThrow()));
  }

  @Override
  public DryRunResult dryRun(RunKey run, String request) {
    if (cluster.refusing.contains(Fault.TEMPLATES_REFUSED)) {
      return new DryRunResult.Refused("a policy forbids such a pod", true);
    }
    return cluster.refusing.contains(Fault.PODS_REFUSED)
        ? new DryRunResult.Refused("the quota is used up", false)
        : new DryRunResult.Allowed();
  }

  @Override
  public boolean openGate(ObservedPod pod) {
    if (mutant == Mutant.OPENS_BY_NAME) {
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
  public void deleteJob(ObservedJob job) {
    cluster.deleteJob(job.uid());
  }

  @Override
  public List<ObservedJob> cachedJobs() {
    return jobs.values().stream().filter(j -> !j.token().isEmpty()).toList();
  }

  @Override
  public List<ObservedPod> activePods() {
    return cluster.pods.values().stream().filter(p -> !p.terminal()).toList();
  }
}
