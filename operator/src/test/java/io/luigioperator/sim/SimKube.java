/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.sim;

import io.luigioperator.api.PipelineRunSpec;
import io.luigioperator.api.PipelineRunStatus;
import io.luigioperator.job.Kube;
import io.luigioperator.job.KubeRefused;
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
import io.luigioperator.run.ScheduleKey;
import io.luigioperator.run.ScheduleObject;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** One operator's client of a simulated cluster, with caches that lag object by object. */
final class SimKube implements Kube {

  /**
   * A watch event.
   *
   * @param runs to which it belongs, or which refer to the schedule
   * @param schedule that has changed
   * @param deletion of a PipelineRun, or the begin of its deletion
   * @param enqueues whether the runs are reconciled; not for a status, which operators write
   */
  record WatchEvent(
      List<RunKey> runs, Optional<ScheduleKey> schedule, boolean deletion, boolean enqueues) {

    static WatchEvent of(RunKey run, boolean deletion, boolean enqueues) {
      return new WatchEvent(List.of(run), Optional.empty(), deletion, enqueues);
    }
  }

  private final SimCluster cluster;
  private final Mutant mutant;
  private final TreeMap<RunKey, RunObject> runs = new TreeMap<>();
  private final TreeMap<ScheduleKey, ScheduleObject> schedules = new TreeMap<>();
  private final TreeMap<String, ObservedJob> jobs = new TreeMap<>();
  private final TreeMap<String, ObservedPod> pods = new TreeMap<>();

  /** With filled caches, as after the start of an operator. */
  private Optional<String> claimedIdentity = Optional.empty();

  /** From now on it says that it is this cluster. */
  void claimIdentity(String uid) {
    claimedIdentity = Optional.of(uid);
  }

  SimKube(SimCluster cluster, Mutant mutant) {
    this.cluster = cluster;
    this.mutant = mutant;
    runs.putAll(cluster.runs);
    schedules.putAll(cluster.schedules);
    jobs.putAll(cluster.jobs);
    pods.putAll(selectedPods());
  }

  /** A watch and a list show only pods with the labels of the operator. */
  private Map<String, ObservedPod> selectedPods() {
    TreeMap<String, ObservedPod> selected = new TreeMap<>(cluster.pods);
    selected.values().removeIf(p -> !p.labelled());
    return selected;
  }

  // ---- caches

  /** Whether a cache lags behind the cluster. */
  boolean hasPendingEvents() {
    return !changedObjects().isEmpty();
  }

  /**
   * Delivers the event of one random object that has changed.
   *
   * @param missOneIn one in so many deletions of pods is missed, as when a watch is interrupted; 0:
   *     none
   */
  Optional<WatchEvent> deliverWatchEvent(Random random, int missOneIn) {
    List<Object> changedObjects = changedObjects();
    if (changedObjects.isEmpty()) {
      return Optional.empty();
    }
    return Optional.of(
        switch (changedObjects.get(random.nextInt(changedObjects.size()))) {
          case ObservedPod p -> podEvent(p, missOneIn > 0 && random.nextInt(missOneIn) == 0);
          case ObservedJob j -> {
            copy(j.uid(), cluster.jobs, jobs);
            yield WatchEvent.of(runOf(j.namespace(), j.name()), false, true);
          }
          case RunObject o -> runEvent(o.key());
          case ScheduleObject s -> scheduleEvent(s.key());
          default -> throw new IllegalStateException();
        });
  }

  /** Each in its new state or, if it was deleted, in the state that the cache holds. */
  private List<Object> changedObjects() {
    List<Object> changedObjects = new ArrayList<>();
    Map<String, ObservedPod> selected = selectedPods();
    selected.forEach((uid, p) -> addUnless(pods.get(uid) == p, p, changedObjects));
    pods.forEach((uid, p) -> addUnless(p.gone() || selected.containsKey(uid), p, changedObjects));
    cluster.jobs.forEach((uid, j) -> addUnless(jobs.get(uid) == j, j, changedObjects));
    jobs.forEach((uid, j) -> addUnless(cluster.jobs.containsKey(uid), j, changedObjects));
    cluster.runs.forEach((key, o) -> addUnless(runs.get(key) == o, o, changedObjects));
    runs.forEach((key, o) -> addUnless(cluster.runs.containsKey(key), o, changedObjects));
    cluster.schedules.forEach((key, s) -> addUnless(schedules.get(key) == s, s, changedObjects));
    schedules.forEach((key, s) -> addUnless(cluster.schedules.containsKey(key), s, changedObjects));
    return changedObjects;
  }

  private static void addUnless(boolean known, Object what, List<Object> changedObjects) {
    if (!known) {
      changedObjects.add(what);
    }
  }

  private WatchEvent podEvent(ObservedPod p, boolean missed) {
    boolean exists = cluster.pods.containsKey(p.uid());
    if (exists && cluster.pods.get(p.uid()).labelled()) {
      pods.put(p.uid(), p);
    } else if (exists || missed) {
      ObservedPod last = pods.remove(p.uid());
      if (exists && last.terminal() && last.ending().isPresent()) {
        pods.put(p.uid(), last.asGone()); // its end stays known
      }
    } else {
      pods.put(p.uid(), cluster.lastStates.get(p.uid()).asGone());
    }
    return WatchEvent.of(runOf(p.namespace(), p.name()), false, true);
  }

  private WatchEvent runEvent(RunKey key) {
    Optional<RunObject> before = Optional.ofNullable(runs.get(key));
    copy(key, cluster.runs, runs);
    Optional<RunObject> after = Optional.ofNullable(runs.get(key));
    boolean deletion =
        before.isPresent()
            && after.filter(o -> o.uid().equals(before.get().uid()) && !o.deleting()).isEmpty();
    return WatchEvent.of(
        key,
        deletion,
        !before.map(SimKube::relevantFields).equals(after.map(SimKube::relevantFields)));
  }

  private WatchEvent scheduleEvent(ScheduleKey key) {
    Optional<List<Object>> before = Optional.ofNullable(schedules.get(key)).map(SimKube::spec);
    copy(key, cluster.schedules, schedules);
    if (before.equals(Optional.ofNullable(schedules.get(key)).map(SimKube::spec))) {
      return new WatchEvent(List.of(), Optional.empty(), false, false); // only its status
    }
    List<RunKey> referring =
        runs.values().stream()
            .filter(o -> o.schedule().filter(key.name()::equals).isPresent())
            .map(RunObject::key)
            .toList();
    return new WatchEvent(referring, Optional.of(key), false, true);
  }

  private static List<Object> spec(ScheduleObject s) {
    return List.of(s.uid(), s.generation());
  }

  private static List<Object> relevantFields(RunObject o) {
    return List.of(o.uid(), o.generation(), o.deleting());
  }

  private static <K, V> void copy(K key, Map<K, V> from, Map<K, V> to) {
    if (from.containsKey(key)) {
      to.put(key, from.get(key));
    } else {
      to.remove(key);
    }
  }

  /** A real cluster has a label for it. */
  private static RunKey runOf(String namespace, String jobOrPod) {
    return new RunKey(namespace, jobOrPod.replaceFirst("-a[0-9]+(-.*)?$", ""));
  }

  // ---- the cluster

  @Override
  public String identity() {
    return claimedIdentity.orElseGet(cluster::identity);
  }

  @Override
  public NamespaceState namespace(String name) {
    return cluster.namespace();
  }

  @Override
  public Optional<Instant> deletionsConfirmed(String namespace) {
    return cluster.deletionsConfirmed();
  }

  @Override
  public Instant servedSince(String namespace) {
    return mutant == Mutant.NAMESPACE_AGE_IGNORED ? Instant.EPOCH : cluster.servedSince();
  }

  @Override
  public Optional<Instant> schedulesServedSince(String namespace) {
    return cluster.namespace() == NamespaceState.ACTIVE
        ? Optional.of(servedSince(namespace))
        : Optional.empty();
  }

  @Override
  public boolean scheduleExists(ScheduleKey schedule) {
    return cluster.schedules.containsKey(schedule);
  }

  @Override
  public List<RunObject> createdRuns(ScheduleKey schedule, String client) {
    return runs.values().stream()
        .filter(RunObject::createdByOperator)
        .filter(o -> o.key().namespace().equals(schedule.namespace()))
        .filter(o -> o.schedule().filter(schedule.name()::equals).isPresent())
        .filter(o -> o.spec().client().equals(client))
        .toList();
  }

  @Override
  public Set<String> retiredClusters(String namespace) {
    return cluster.retired();
  }

  @Override
  public Map<String, Instant> retiredNamespaces(String namespace) {
    return Map.of();
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
  public Map<String, ObservedPod> podsWithoutNode(Instant now) {
    return pods.values().stream()
        .filter(p -> !p.gated() && !p.terminating() && !p.gone())
        .filter(p -> p.startFailure().filter(f -> isFull(f, now)).isPresent())
        .collect(Collectors.toMap(ObservedPod::namespace, p -> p, (first, later) -> first));
  }

  private static boolean isFull(StartFailure f, Instant now) {
    return f.shortage()
        && now.isAfter(f.since().plusSeconds(30))
        && now.isBefore(f.since().plusSeconds(300));
  }

  // ---- PipelineRuns

  @Override
  public Optional<RunObject> run(RunKey key, Freshness freshness) {
    RunObject found = (freshness == Freshness.LIVE ? cluster.runs : runs).get(key);
    return Optional.ofNullable(found)
        .map(o -> mutant == Mutant.STATUS_IGNORED ? Invariants.withStatus(o, Optional.empty()) : o);
  }

  @Override
  public Optional<ScheduleObject> schedule(String namespace, String name) {
    return Optional.ofNullable(schedules.get(new ScheduleKey(namespace, name)));
  }

  @Override
  public RunCreation createRun(RunKey key, PipelineRunSpec spec) {
    return cluster.refusing.contains(Fault.OBJECTS_REFUSED) && !cluster.runs.containsKey(key)
        ? new RunCreation.Refused("denied by a policy")
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
    if (there != object && mutant != Mutant.STATUS_IGNORED) {
      runs.put(object.key(), there); // the next decision is on this one
      return false;
    }
    Invariants.statusWritten(there, status);
    RunObject written =
        new RunObject(
            object.key(),
            object.uid(),
            object.generation(),
            object.createdAt(),
            object.deleting(),
            object.createdByOperator(),
            object.spec(),
            Optional.of(status));
    cluster.runs.put(object.key(), written);
    runs.computeIfPresent(object.key(), (key, cached) -> cached == there ? written : cached);
    return true;
  }

  @Override
  public void warn(RunObject object, String reason, String message) {
    // nothing depends on events
  }

  @Override
  public void warn(ScheduleObject schedule, String reason, String message) {
    // nothing depends on events
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
    List<ObservedPod> observed = new ArrayList<>(live ? listed(attempt, job) : pods.values());
    if (live) {
      pods.values().stream()
          .filter(p -> p.gone() && !cluster.pods.containsKey(p.uid()))
          .forEach(observed::add);
    }
    return new ObservedAttempt(
        job,
        observed.stream()
            .filter(p -> p.token().equals(attempt.token()))
            .map(this::mutated)
            .toList(),
        live);
  }

  /** By label; if that shows none, by the UID of the bound pod or by the owner. */
  private List<ObservedPod> listed(Attempt attempt, Optional<ObservedJob> job) {
    List<ObservedPod> byLabel =
        selectedPods().values().stream()
            .filter(p -> p.token().equals(attempt.token()) || attempt.isBoundTo(p.uid()))
            .toList();
    boolean found =
        attempt.binding().isPresent()
            ? byLabel.stream().anyMatch(p -> attempt.isBoundTo(p.uid()))
            : !byLabel.isEmpty();
    if (found || mutant == Mutant.UNLABELLED_IS_ABSENT) {
      return byLabel;
    }
    return Stream.concat(
            byLabel.stream(),
            cluster.pods.values().stream()
                .filter(
                    p ->
                        attempt.binding().isPresent()
                            ? attempt.isBoundTo(p.uid())
                            : job.filter(j -> j.uid().equals(p.jobUid())).isPresent()))
        .toList();
  }

  private ObservedPod mutated(ObservedPod p) {
    boolean tooEarly =
        mutant == Mutant.TERMINATING_COUNTS_AS_ENDED && p.terminating() && p.ending().isEmpty();
    return tooEarly
        ? Pods.terminal(Pods.ended(p, Ending.of(FailureCause.POD_DELETED, "deleted")))
        : p;
  }

  @Override
  public JobCreation createJob(Run run, Attempt attempt, RunObject owner) {
    if (cluster.refusing.contains(Fault.JOBS_REFUSED)) {
      return new JobCreation.Refused("denied by a webhook");
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
      return new DryRunResult.Refused("a policy forbids this pod", true);
    }
    return cluster.refusing.contains(Fault.PODS_REFUSED)
        ? new DryRunResult.Refused("exceeded quota", false)
        : new DryRunResult.Allowed();
  }

  @Override
  public Optional<String> lastWarning(ObservedPod pod) {
    return Optional.of("FailedMount: a ConfigMap is missing");
  }

  @Override
  public List<ObservedPod> podsWithToken(String namespace, String token) {
    return cluster.pods.values().stream().filter(p -> p.token().equals(token)).toList();
  }

  @Override
  public boolean openGate(ObservedPod pod) {
    if (cluster.refusing.contains(Fault.GATES_REFUSED)) {
      throw new KubeRefused("a webhook does not answer", new IllegalStateException());
    }
    if (mutant == Mutant.GATE_OPENED_BY_TOKEN) {
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
    return selectedPods().values().stream().filter(p -> !p.terminal()).toList();
  }
}
