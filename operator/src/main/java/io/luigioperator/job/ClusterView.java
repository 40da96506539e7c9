/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.luigioperator.api.PipelineRun;
import io.luigioperator.api.PipelineRunStatus;
import io.luigioperator.api.PipelineSchedule;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.FailureCause;
import io.luigioperator.run.ObservedAttempt;
import io.luigioperator.run.ObservedAttempt.ObservedJob;
import io.luigioperator.run.ObservedAttempt.ObservedPod;
import io.luigioperator.run.ObservedAttempt.StartFailure;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunObject;
import io.luigioperator.run.ScheduleObject;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The objects that the watches have reported, as small records. It may lag, so that nothing may be
 * concluded from an object that is missing in it.
 *
 * <p>Responses to requests of the operator update it too. An older version never replaces a newer
 * one, and a deleted object does not come back, in whatever order responses and events arrive.
 * Thread-safe.
 */
final class ClusterView implements PipelineResourceCache {

  /**
   * Bound on the deleted pods whose last state is kept. For older ones the end of the attempt is
   * not observed any more, only its absence.
   */
  static final int TOMBSTONES = 2_000;

  /**
   * How long a pod must have been unschedulable for the cluster to count as full. Before, the
   * scheduler may still find a node; after {@link #FULL_UNTIL}, the cause is the pod itself.
   */
  private static final Duration FULL_FROM = Duration.ofSeconds(30);

  private static final Duration FULL_UNTIL = Duration.ofMinutes(5);

  /** Version of an object whose resourceVersion is not a number; counts as the newest. */
  private static final long UNKNOWN_VERSION = Long.MAX_VALUE;

  private record Cached<T>(T value, String uid, long version) {}

  private record PodEntry(
      RunKey run, ObservedPod observed, long version, Optional<Instant> openedAt) {}

  private record Tombstone(RunKey run, ObservedPod lastState) {}

  private final InstantSource clock;

  private final Map<String, PodEntry> pods = new HashMap<>();
  private final Map<RunKey, Set<String>> podsOfRun = new HashMap<>();
  private final Map<String, Tombstone> tombstones = new LinkedHashMap<>();

  private final Map<RunKey, Cached<ObservedJob>> jobs = new HashMap<>();
  private final Map<RunKey, Cached<RunObject>> runs = new HashMap<>();
  private final Map<RunKey, Cached<ScheduleObject>> schedules = new HashMap<>();

  /** UIDs of recently deleted objects, so that a late response does not bring them back. */
  private final Map<String, Boolean> deleted = new LinkedHashMap<>();

  ClusterView(InstantSource clock) {
    this.clock = clock;
  }

  // ---- pods

  /**
   * @return whether anything has changed that {@link ObservedPod} shows
   */
  synchronized boolean update(Pod pod) {
    String uid = pod.getMetadata().getUid();
    PodEntry before = pods.get(uid);
    long version = version(pod);
    if (deleted.containsKey(uid) || before != null && before.version() > version) {
      return false;
    }
    ObservedPod current = Observation.pod(pod);
    Optional<Instant> openedAt = openedAt(before, current);
    ObservedPod observed = openedAt.map(t -> failingSince(current, t)).orElse(current);
    RunKey run = runOf(pod);
    pods.put(uid, new PodEntry(run, observed, version, openedAt));
    podsOfRun.computeIfAbsent(run, k -> new HashSet<>()).add(uid);
    return before == null || !before.observed().equals(observed);
  }

  /**
   * When the gate of the pod was opened. The pod's condition PodScheduled is False since its
   * creation, although the scheduler only tries since then.
   */
  private Optional<Instant> openedAt(@Nullable PodEntry before, ObservedPod now) {
    if (before == null) {
      return Optional.empty();
    }
    return before.observed().gated() && !now.gated()
        ? Optional.of(clock.instant())
        : before.openedAt();
  }

  private static ObservedPod failingSince(ObservedPod p, Instant openedAt) {
    Optional<StartFailure> startFailure =
        p.startFailure()
            .map(
                f ->
                    f.since().isBefore(openedAt)
                        ? new StartFailure(f.cause(), f.message(), openedAt)
                        : f);
    return p.with(startFailure);
  }

  /**
   * A watch reported that the pod was deleted, with its last state. Without a deletionTimestamp the
   * pod may only have lost the label by which it is selected, so that nothing is concluded.
   *
   * @return whether this is new
   */
  synchronized boolean remove(Pod pod) {
    if (pod.getMetadata().getDeletionTimestamp() == null) {
      return removeWithoutState(pod).isPresent();
    }
    removeEntry(pod.getMetadata().getUid());
    return addTombstone(runOf(pod), Observation.gone(pod));
  }

  /**
   * The pod is missing from a new list after a watch was broken, so its last state is unknown. If
   * it had ended before, that is still known.
   *
   * @return its run; empty if the pod was not cached
   */
  synchronized Optional<RunKey> removeWithoutState(Pod pod) {
    PodEntry last = removeEntry(pod.getMetadata().getUid());
    if (last == null) {
      return Optional.empty();
    }
    if (last.observed().terminal() && last.observed().ending().isPresent()) {
      addTombstone(last.run(), last.observed().asGone());
    }
    return Optional.of(last.run());
  }

  private @Nullable PodEntry removeEntry(String uid) {
    rememberDeletion(uid);
    PodEntry entry = pods.remove(uid);
    if (entry != null) {
      unlink(entry.run(), uid);
    }
    return entry;
  }

  private boolean addTombstone(RunKey run, ObservedPod lastState) {
    Tombstone before = tombstones.put(lastState.uid(), new Tombstone(run, lastState));
    podsOfRun.computeIfAbsent(run, k -> new HashSet<>()).add(lastState.uid());
    if (tombstones.size() > TOMBSTONES) {
      Map.Entry<String, Tombstone> eldest = tombstones.entrySet().iterator().next();
      tombstones.remove(eldest.getKey());
      unlink(eldest.getValue().run(), eldest.getKey());
    }
    return before == null;
  }

  private void unlink(RunKey run, String uid) {
    podsOfRun.computeIfPresent(
        run,
        (k, uids) -> {
          uids.remove(uid);
          return uids.isEmpty() ? null : uids;
        });
  }

  static RunKey runOf(HasMetadata object) {
    return new RunKey(
        object.getMetadata().getNamespace(),
        object.getMetadata().getLabels() == null
            ? ""
            : object.getMetadata().getLabels().getOrDefault(Labels.RUN, ""));
  }

  synchronized boolean isFull(Instant now) {
    return pods.values().stream()
        .map(PodEntry::observed)
        .filter(p -> !p.gated() && !p.terminating())
        .flatMap(p -> p.startFailure().stream())
        .filter(f -> f.cause() == FailureCause.UNSCHEDULABLE)
        .anyMatch(
            f ->
                now.isAfter(f.since().plus(FULL_FROM)) && now.isBefore(f.since().plus(FULL_UNTIL)));
  }

  // ---- attempts

  synchronized ObservedAttempt attempt(Attempt attempt) {
    List<ObservedPod> found = new ArrayList<>();
    for (String uid : podsOfRun.getOrDefault(attempt.run(), Set.of())) {
      ObservedPod pod = lastState(uid);
      if (pod.token().equals(attempt.token())) {
        found.add(pod);
      }
    }
    Cached<ObservedJob> job = jobs.get(new RunKey(attempt.run().namespace(), attempt.jobName()));
    return new ObservedAttempt(Optional.ofNullable(job).map(Cached::value), found, false);
  }

  /** For a UID from {@code podsOfRun}, which {@code pods} or {@code tombstones} holds. */
  private ObservedPod lastState(String uid) {
    PodEntry entry = pods.get(uid);
    return entry != null
        ? entry.observed()
        : Objects.requireNonNull(tombstones.get(uid)).lastState();
  }

  /** Adds to a live read the pods that it does not show any more, and whose end was observed. */
  synchronized ObservedAttempt withObservedEnds(Attempt attempt, ObservedAttempt live) {
    List<ObservedPod> all = new ArrayList<>(live.pods());
    for (ObservedPod cached : attempt(attempt).pods()) {
      boolean ended = cached.gone() || cached.terminal() && cached.ending().isPresent();
      if (ended && live.pod(cached.uid()).isEmpty()) {
        all.add(cached.asGone());
      }
    }
    return new ObservedAttempt(live.job(), all, true);
  }

  // ---- Jobs, PipelineRuns, PipelineSchedules

  /**
   * @return whether anything has changed that {@link ObservedJob} shows
   */
  synchronized boolean update(Job job) {
    return put(jobs, job, Observation.job(job));
  }

  /** A new status is no change. */
  @Override
  public synchronized boolean update(PipelineRun run) {
    RunKey key = CustomResources.key(run.getMetadata());
    Optional<RunObject> before = run(key);
    put(runs, run, CustomResources.run(run));
    Optional<RunObject> now = run(key);
    return !now.map(ClusterView::desired).equals(before.map(ClusterView::desired));
  }

  private static List<Object> desired(RunObject run) {
    return List.of(run.uid(), run.generation(), run.deleting());
  }

  @Override
  public synchronized List<RunKey> update(PipelineSchedule schedule) {
    return put(schedules, schedule, CustomResources.schedule(schedule))
        ? runsOf(schedule)
        : List.of();
  }

  synchronized List<ObservedJob> jobs() {
    return jobs.values().stream().map(Cached::value).toList();
  }

  synchronized void remove(Job job) {
    remove(jobs, job);
  }

  @Override
  public synchronized void remove(PipelineRun run) {
    remove(runs, run);
  }

  @Override
  public synchronized List<RunKey> remove(PipelineSchedule schedule) {
    remove(schedules, schedule);
    return runsOf(schedule);
  }

  @Override
  public synchronized List<RunKey> unobserved() {
    return runs.values().stream()
        .map(Cached::value)
        .filter(run -> observedGeneration(run) < run.generation())
        .map(RunObject::key)
        .toList();
  }

  private static long observedGeneration(RunObject run) {
    return run.status().map(PipelineRunStatus::observedGeneration).orElse(-1L);
  }

  @Override
  public synchronized List<RunKey> runs() {
    return List.copyOf(runs.keySet());
  }

  synchronized Optional<RunObject> run(RunKey key) {
    return Optional.ofNullable(runs.get(key)).map(Cached::value);
  }

  /** Whether the cache holds another version of this object, or another object of its name. */
  synchronized boolean hasOtherVersion(RunObject object) {
    return run(object.key()).filter(cached -> !cached.equals(object)).isPresent();
  }

  /** The newest resourceVersion with the content of this object; empty if it is unknown. */
  synchronized OptionalLong version(RunObject object) {
    Cached<RunObject> cached = runs.get(object.key());
    return cached == null || !cached.value().equals(object) || cached.version() == UNKNOWN_VERSION
        ? OptionalLong.empty()
        : OptionalLong.of(cached.version());
  }

  synchronized Optional<ScheduleObject> schedule(String namespace, String name) {
    return Optional.ofNullable(schedules.get(new RunKey(namespace, name))).map(Cached::value);
  }

  /** The runs that refer to a schedule. */
  private List<RunKey> runsOf(PipelineSchedule schedule) {
    String name = schedule.getMetadata().getName();
    String namespace = schedule.getMetadata().getNamespace();
    return runs.values().stream()
        .map(Cached::value)
        .filter(r -> r.key().namespace().equals(namespace))
        .filter(
            r ->
                r.readableSpec()
                    .flatMap(spec -> Optional.ofNullable(spec.scheduleRef()))
                    .filter(ref -> ref.name().equals(name))
                    .isPresent())
        .map(RunObject::key)
        .toList();
  }

  private <T> boolean put(Map<RunKey, Cached<T>> map, HasMetadata object, T value) {
    String uid = object.getMetadata().getUid();
    long version = version(object);
    Cached<T> before = map.get(CustomResources.key(object.getMetadata()));
    if (deleted.containsKey(uid) || before != null && before.version() > version) {
      return false;
    }
    map.put(CustomResources.key(object.getMetadata()), new Cached<>(value, uid, version));
    return before == null || !before.value().equals(value);
  }

  private <T> void remove(Map<RunKey, Cached<T>> map, HasMetadata object) {
    String uid = object.getMetadata().getUid();
    rememberDeletion(uid);
    map.computeIfPresent(
        CustomResources.key(object.getMetadata()),
        (k, cached) -> cached.uid().equals(uid) ? null : cached);
  }

  private void rememberDeletion(String uid) {
    deleted.put(uid, Boolean.TRUE);
    if (deleted.size() > 2 * TOMBSTONES) {
      deleted.remove(deleted.keySet().iterator().next());
    }
  }

  /** The versions of one kind increase. */
  private static long version(HasMetadata object) {
    try {
      return Long.parseLong(object.getMetadata().getResourceVersion());
    } catch (NumberFormatException e) {
      return UNKNOWN_VERSION;
    }
  }
}
