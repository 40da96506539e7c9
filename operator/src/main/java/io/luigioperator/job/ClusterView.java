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
 * What the watches have told, as small records; it may lag, so it says nothing about absence.
 *
 * <p>ApiErrors to our own requests are taken in too. An older version never replaces a newer one,
 * and what was deleted does not come back, in whatever order answers and events arrive.
 */
final class ClusterView implements PipelineResourceCache {

  /** Deleted pods whose last state is kept as evidence. Beyond, an end is no longer clean. */
  static final int TOMBSTONES = 2_000;

  /** Younger than this the scheduler may still find room; older, and the pod is hopeless. */
  private static final Duration CROWDED_FROM = Duration.ofSeconds(30);

  private static final Duration CROWDED_UNTIL = Duration.ofMinutes(5);

  /** Of an object whose version is not a number: it is taken as the newest. */
  private static final long UNKNOWN_VERSION = Long.MAX_VALUE;

  private record Known<T>(T value, String uid, long version) {}

  private record PodEntry(RunKey run, ObservedPod seen, long version, Optional<Instant> openedAt) {}

  private record Tombstone(RunKey run, ObservedPod seen) {}

  private final InstantSource clock;

  private final Map<String, PodEntry> pods = new HashMap<>();
  private final Map<RunKey, Set<String>> podsOfRun = new HashMap<>();
  private final Map<String, Tombstone> tombstones = new LinkedHashMap<>();

  private final Map<RunKey, Known<ObservedJob>> jobs = new HashMap<>();
  private final Map<RunKey, Known<RunObject>> runs = new HashMap<>();
  private final Map<RunKey, Known<ScheduleObject>> schedules = new HashMap<>();

  /** UIDs of what was deleted lately, so that a late answer does not bring it back. */
  private final Map<String, Boolean> deleted = new LinkedHashMap<>();

  ClusterView(InstantSource clock) {
    this.clock = clock;
  }

  // ---- pods

  /** Takes a pod in; true if anything the core can see of it has changed. */
  synchronized boolean saw(Pod pod) {
    String uid = pod.getMetadata().getUid();
    PodEntry before = pods.get(uid);
    long version = version(pod);
    if (deleted.containsKey(uid) || before != null && before.version() > version) {
      return false;
    }
    ObservedPod read = Observation.pod(pod);
    Optional<Instant> openedAt = openedAt(before, read);
    ObservedPod seen = openedAt.map(t -> failingSince(read, t)).orElse(read);
    RunKey run = runOf(pod);
    pods.put(uid, new PodEntry(run, seen, version, openedAt));
    podsOfRun.computeIfAbsent(run, k -> new HashSet<>()).add(uid);
    return before == null || !before.seen().equals(seen);
  }

  /**
   * The scheduler counts a pod as not scheduled since its creation, although it began to try only
   * when the gate was opened.
   */
  private Optional<Instant> openedAt(@Nullable PodEntry before, ObservedPod now) {
    if (before == null) {
      return Optional.empty();
    }
    return before.seen().gated() && !now.gated() ? Optional.of(clock.instant()) : before.openedAt();
  }

  private static ObservedPod failingSince(ObservedPod p, Instant openedAt) {
    Optional<StartFailure> startFailure =
        p.startFailure()
            .map(
                t ->
                    t.since().isBefore(openedAt)
                        ? new StartFailure(t.cause(), t.message(), openedAt)
                        : t);
    return p.with(startFailure);
  }

  /**
   * A watch told of its deletion, and of its last state. Without a deletionTimestamp in it the pod
   * may as well have lost the label by which it is watched, and live: then nothing is concluded.
   */
  synchronized boolean sawDeletionOf(Pod pod) {
    if (pod.getMetadata().getDeletionTimestamp() == null) {
      return missed(pod).isPresent();
    }
    forgetPod(pod.getMetadata().getUid());
    return bury(runOf(pod), Observation.gone(pod));
  }

  /**
   * It is missing from a new list after the watch was broken. What happened to it meanwhile is not
   * known; that it had ended before, if it had, stays true.
   */
  synchronized Optional<RunKey> missed(Pod pod) {
    PodEntry last = forgetPod(pod.getMetadata().getUid());
    if (last == null) {
      return Optional.empty();
    }
    if (last.seen().terminal() && last.seen().ending().isPresent()) {
      bury(last.run(), last.seen().asGone());
    }
    return Optional.of(last.run());
  }

  private @Nullable PodEntry forgetPod(String uid) {
    remember(uid);
    PodEntry entry = pods.remove(uid);
    if (entry != null) {
      unlink(entry.run(), uid);
    }
    return entry;
  }

  private boolean bury(RunKey run, ObservedPod last) {
    Tombstone before = tombstones.put(last.uid(), new Tombstone(run, last));
    podsOfRun.computeIfAbsent(run, k -> new HashSet<>()).add(last.uid());
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

  synchronized boolean crowded(Instant now) {
    return pods.values().stream()
        .map(PodEntry::seen)
        .filter(p -> !p.gated() && !p.terminating())
        .flatMap(p -> p.startFailure().stream())
        .filter(t -> t.cause() == FailureCause.UNSCHEDULABLE)
        .anyMatch(
            t ->
                now.isAfter(t.since().plus(CROWDED_FROM))
                    && now.isBefore(t.since().plus(CROWDED_UNTIL)));
  }

  // ---- attempts

  synchronized ObservedAttempt attempt(Attempt attempt) {
    List<ObservedPod> found = new ArrayList<>();
    for (String uid : podsOfRun.getOrDefault(attempt.run(), Set.of())) {
      ObservedPod seen = lastSeen(uid);
      if (seen.token().equals(attempt.token())) {
        found.add(seen);
      }
    }
    Known<ObservedJob> job = jobs.get(new RunKey(attempt.run().namespace(), attempt.jobName()));
    return new ObservedAttempt(Optional.ofNullable(job).map(Known::value), found, false);
  }

  /** For a UID from {@code podsOfRun}, which {@code pods} or {@code tombstones} holds. */
  private ObservedPod lastSeen(String uid) {
    PodEntry entry = pods.get(uid);
    return entry != null ? entry.seen() : Objects.requireNonNull(tombstones.get(uid)).seen();
  }

  /** Adds to a live read what was told before about the ends of pods it no longer shows. */
  synchronized ObservedAttempt completed(Attempt attempt, ObservedAttempt live) {
    List<ObservedPod> all = new ArrayList<>(live.pods());
    for (ObservedPod told : attempt(attempt).pods()) {
      boolean evidence = told.gone() || told.terminal() && told.ending().isPresent();
      if (evidence && live.pod(told.uid()).isEmpty()) {
        all.add(told.asGone());
      }
    }
    return new ObservedAttempt(live.job(), all, true);
  }

  // ---- Jobs, PipelineRuns, PipelineSchedules

  synchronized boolean saw(Job job) {
    return put(jobs, job, Observation.job(job));
  }

  /** Status writes, also those of the operator itself, are no change. */
  @Override
  public synchronized boolean update(PipelineRun run) {
    RunKey key = Resources.key(run.getMetadata());
    Optional<RunObject> before = run(key);
    put(runs, run, Resources.run(run));
    Optional<RunObject> now = run(key);
    return !now.map(ClusterView::wishes).equals(before.map(ClusterView::wishes));
  }

  private static List<Object> wishes(RunObject run) {
    return List.of(run.uid(), run.generation(), run.deleting());
  }

  @Override
  public synchronized List<RunKey> update(PipelineSchedule schedule) {
    return put(schedules, schedule, Resources.schedule(schedule)) ? runsOf(schedule) : List.of();
  }

  synchronized List<ObservedJob> jobs() {
    return jobs.values().stream().map(Known::value).toList();
  }

  synchronized void forget(Job job) {
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
        .map(Known::value)
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
    return Optional.ofNullable(runs.get(key)).map(Known::value);
  }

  /** Whether something newer than this object, or at least else, has been seen under its name. */
  synchronized boolean knowsOtherThan(RunObject object) {
    return run(object.key()).filter(known -> !known.equals(object)).isPresent();
  }

  /** The newest version that looks like this object; empty when it is not known. */
  synchronized OptionalLong version(RunObject object) {
    Known<RunObject> known = runs.get(object.key());
    return known == null || !known.value().equals(object) || known.version() == UNKNOWN_VERSION
        ? OptionalLong.empty()
        : OptionalLong.of(known.version());
  }

  synchronized Optional<ScheduleObject> schedule(String namespace, String name) {
    return Optional.ofNullable(schedules.get(new RunKey(namespace, name))).map(Known::value);
  }

  /** The runs that refer to a schedule. */
  private List<RunKey> runsOf(PipelineSchedule schedule) {
    String name = schedule.getMetadata().getName();
    String namespace = schedule.getMetadata().getNamespace();
    return runs.values().stream()
        .map(Known::value)
        .filter(r -> r.key().namespace().equals(namespace))
        .filter(r -> r.spec().scheduleRef() != null && r.spec().scheduleRef().name().equals(name))
        .map(RunObject::key)
        .toList();
  }

  private <T> boolean put(Map<RunKey, Known<T>> map, HasMetadata object, T value) {
    String uid = object.getMetadata().getUid();
    long version = version(object);
    Known<T> before = map.get(Resources.key(object.getMetadata()));
    if (deleted.containsKey(uid) || before != null && before.version() > version) {
      return false;
    }
    map.put(Resources.key(object.getMetadata()), new Known<>(value, uid, version));
    return before == null || !before.value().equals(value);
  }

  private <T> void remove(Map<RunKey, Known<T>> map, HasMetadata object) {
    String uid = object.getMetadata().getUid();
    remember(uid);
    map.computeIfPresent(
        Resources.key(object.getMetadata()), (k, known) -> known.uid().equals(uid) ? null : known);
  }

  private void remember(String uid) {
    deleted.put(uid, Boolean.TRUE);
    if (deleted.size() > 2 * TOMBSTONES) {
      deleted.remove(deleted.keySet().iterator().next());
    }
  }

  /** Versions of one kind of object grow; one that is not a number is taken as the newest. */
  private static long version(HasMetadata object) {
    try {
      return Long.parseLong(object.getMetadata().getResourceVersion());
    } catch (NumberFormatException e) {
      return UNKNOWN_VERSION;
    }
  }
}
