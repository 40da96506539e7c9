/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator;

import io.luigioperator.api.PipelineRunSpec;
import io.luigioperator.api.PipelineRunStatus;
import io.luigioperator.job.Kube;
import io.luigioperator.job.KubeForbidden;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.ObservedAttempt;
import io.luigioperator.run.ObservedAttempt.ObservedJob;
import io.luigioperator.run.ObservedAttempt.ObservedPod;
import io.luigioperator.run.ObservedNode;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunObject;
import io.luigioperator.run.ScheduleKey;
import io.luigioperator.run.ScheduleObject;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/**
 * An in-memory cluster without controllers: it holds the objects that a test adds, responds as the
 * test specifies, and records the requests that change something. The test fills the cache of
 * PipelineRuns; that of Jobs and pods never lags.
 */
public final class FakeKube implements Kube {
  public static final String IDENTITY = "uid-of-here";

  public final TreeMap<RunKey, RunObject> runs = new TreeMap<>();
  public final TreeMap<RunKey, RunObject> cachedRuns = new TreeMap<>();
  public final TreeMap<ScheduleKey, ScheduleObject> schedules = new TreeMap<>();

  /** The exception of a read, by schedule. */
  public final Map<ScheduleKey, RuntimeException> unreadableSchedules = new HashMap<>();

  /** Schedules that exist, but not in the cache. */
  public final Set<ScheduleKey> uncachedSchedules = new HashSet<>();

  /** The events of schedules, with their reasons. */
  public final List<String> warnings = new ArrayList<>();

  public final List<ObservedJob> jobs = new ArrayList<>();
  public final List<ObservedPod> pods = new ArrayList<>();

  /** Pods that no label shows. */
  public final List<ObservedPod> strippedPods = new ArrayList<>();

  public String identity = IDENTITY;
  public NamespaceState namespace = NamespaceState.ACTIVE;
  public boolean crdEstablished = true;
  public Instant servedSince = Instant.EPOCH;
  public final Map<String, ObservedPod> withoutNode = new HashMap<>();

  /** The time at which a person confirmed deletions, by namespace. */
  public final Map<String, Instant> deletionsConfirmed = new HashMap<>();

  /** The exception of a live read, by PipelineRun. */
  public final Map<RunKey, RuntimeException> unreadable = new HashMap<>();

  /** UIDs of pods whose deletion is forbidden. */
  public final Set<String> undeletable = new HashSet<>();

  /** When the definition of schedules was created, by namespace; empty: it is not served. */
  public final Map<String, Optional<Instant>> schedulesServedSince = new HashMap<>();

  /** What a person has declared to be gone, and when. */
  public final Map<String, Instant> retiredNamespaces = new HashMap<>();

  /** How many of the next status writes find a newer version. */
  public int lateStatuses;

  /** Runs with each creation of a Job. */
  public Runnable onCreateJob = () -> {};

  /** Runs with each deletion of a Job. */
  public Runnable afterDeletion = () -> {};

  /** Runs with each live read of a PipelineRun. */
  public Runnable afterLiveRead = () -> {};

  /** Runs with each live read of a schedule. */
  public Runnable afterLiveScheduleRead = () -> {};

  /** What the API server answers to the next requests of a kind instead of carrying them out. */
  public final Map<String, RuntimeException> failing = new HashMap<>();

  /** The last status that was written. */
  public Optional<PipelineRunStatus> status = Optional.empty();

  /** Runs once, directly after the next list of pods. */
  public Runnable oncePodsAreListed = () -> {};

  public Optional<RunCreation> runCreation = Optional.empty();
  public Optional<JobCreation> jobCreation = Optional.empty();
  public DryRunResult dryRun = new DryRunResult.Allowed();

  /** One line for each request that changes something, except status and events. */
  public final List<String> changes = new ArrayList<>();

  // counts of the other calls
  public int cachedReads;
  public int liveReads;
  public int liveScheduleReads;
  public int dryRuns;
  public int statusWrites;

  @Override
  public String identity() {
    return identity;
  }

  @Override
  public NamespaceState namespace(String name) {
    return namespace;
  }

  @Override
  public Optional<Instant> deletionsConfirmed(String name) {
    return Optional.ofNullable(deletionsConfirmed.get(name));
  }

  @Override
  public boolean crdEstablished() {
    return crdEstablished;
  }

  @Override
  public ObservedNode node(String name) {
    return ObservedNode.gone();
  }

  @Override
  public Map<String, ObservedPod> podsWithoutNode(Instant now) {
    return withoutNode;
  }

  @Override
  public Optional<RunObject> run(RunKey key, Freshness freshness) {
    if (freshness == Freshness.CACHED) {
      cachedReads++;
      return Optional.ofNullable(cachedRuns.get(key));
    }
    liveReads++;
    afterLiveRead.run();
    if (unreadable.containsKey(key)) {
      throw unreadable.get(key);
    }
    return Optional.ofNullable(runs.get(key));
  }

  @Override
  public Optional<ScheduleObject> schedule(String namespace, String name) {
    ScheduleKey key = new ScheduleKey(namespace, name);
    if (unreadableSchedules.containsKey(key)) {
      throw unreadableSchedules.get(key);
    }
    return Optional.ofNullable(schedules.get(key));
  }

  @Override
  public boolean scheduleExists(ScheduleKey schedule) {
    liveScheduleReads++;
    afterLiveScheduleRead.run();
    if (unreadableSchedules.containsKey(schedule)) {
      throw unreadableSchedules.get(schedule);
    }
    return schedules.containsKey(schedule) || uncachedSchedules.contains(schedule);
  }

  @Override
  public Optional<Instant> schedulesServedSince(String namespace) {
    return schedulesServedSince.getOrDefault(namespace, Optional.of(Instant.EPOCH));
  }

  @Override
  public List<RunObject> createdRuns(ScheduleKey schedule, String client) {
    return cachedRuns.values().stream()
        .filter(RunObject::createdByOperator)
        .filter(run -> run.key().namespace().equals(schedule.namespace()))
        .filter(run -> run.schedule().filter(schedule.name()::equals).isPresent())
        .filter(run -> run.spec().client().equals(client))
        .toList();
  }

  @Override
  public Instant servedSince(String namespace) {
    return servedSince;
  }

  @Override
  public Set<String> retiredClusters(String namespace) {
    return Set.of();
  }

  @Override
  public Map<String, Instant> retiredNamespaces(String namespace) {
    return retiredNamespaces;
  }

  @Override
  public RunCreation createRun(RunKey key, PipelineRunSpec spec) {
    changes.add("create PipelineRun " + key.name());
    return runCreation.orElseGet(
        () ->
            new RunCreation.Present(
                runs.computeIfAbsent(
                    key,
                    k ->
                        new RunObject(
                            k,
                            "made-" + k.name(),
                            1,
                            Instant.EPOCH,
                            false,
                            true,
                            spec,
                            Optional.empty()))));
  }

  @Override
  public void deleteRun(RunKey key, String uid) {
    failIfAsked("deleteRun");
    changes.add("delete PipelineRun %s %s".formatted(key.name(), uid));
  }

  @Override
  public boolean writeStatus(RunObject object, PipelineRunStatus written) {
    statusWrites++;
    status = Optional.of(written);
    return lateStatuses-- <= 0; // the content is tested elsewhere
  }

  @Override
  public void warn(RunObject object, String reason, String message) {
    // the content is tested elsewhere
  }

  @Override
  public void warn(ScheduleObject schedule, String reason, String message) {
    warnings.add(reason + ": " + message);
  }

  @Override
  public ObservedAttempt attempt(Attempt attempt, Freshness freshness) {
    return new ObservedAttempt(
        jobs.stream().filter(j -> j.name().equals(attempt.jobName())).findFirst(),
        pods.stream().filter(p -> p.token().equals(attempt.token())).toList(),
        freshness == Freshness.LIVE);
  }

  @Override
  public Optional<String> lastWarning(ObservedPod pod) {
    return Optional.empty();
  }

  @Override
  public List<ObservedPod> podsWithToken(String ns, String token) {
    failIfAsked("podsWithToken");
    return strippedPods.stream().filter(p -> p.token().equals(token)).toList();
  }

  @Override
  public JobCreation createJob(Run run, Attempt attempt, RunObject owner) {
    changes.add("create Job " + attempt.jobName());
    onCreateJob.run();
    failIfAsked("createJob");
    ObservedJob job =
        new ObservedJob(
            run.key().namespace(),
            attempt.jobName(),
            "job-of-" + attempt.token(),
            attempt.token(),
            attempt.claimedAt(),
            false,
            0,
            false);
    JobCreation answer = jobCreation.orElse(new JobCreation.Created(job));
    if (answer instanceof JobCreation.Created) {
      jobs.add(job);
    }
    return answer;
  }

  @Override
  public DryRunResult dryRun(RunKey run, String request) {
    dryRuns++;
    failIfAsked("dryRun");
    return dryRun;
  }

  @Override
  public boolean openGate(ObservedPod pod) {
    failIfAsked("openGate");
    changes.add("open " + pod.uid());
    return true;
  }

  private void failIfAsked(String call) {
    if (failing.containsKey(call)) {
      throw failing.get(call);
    }
  }

  @Override
  public void deletePod(String namespace, String name, String uid) {
    if (undeletable.contains(uid)) {
      throw new KubeForbidden("forbidden by the test", new IllegalStateException());
    }
    changes.add("delete pod " + uid);
    strippedPods.removeIf(p -> p.uid().equals(uid));
  }

  @Override
  public void deleteJob(ObservedJob job) {
    changes.add("delete Job " + job.uid());
    jobs.remove(job);
    afterDeletion.run();
  }

  @Override
  public List<ObservedJob> cachedJobs() {
    return List.copyOf(jobs);
  }

  @Override
  public List<ObservedPod> activePods() {
    List<ObservedPod> listed = pods.stream().filter(p -> !p.terminal()).toList();
    Runnable next = oncePodsAreListed;
    oncePodsAreListed = () -> {};
    next.run();
    return listed;
  }
}
