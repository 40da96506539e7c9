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
import io.luigioperator.run.ObservedAttempt;
import io.luigioperator.run.ObservedAttempt.ObservedJob;
import io.luigioperator.run.ObservedAttempt.ObservedPod;
import io.luigioperator.run.ParsedSpec;
import io.luigioperator.run.RequestJson;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunObject;
import io.luigioperator.run.ScheduleKey;
import io.luigioperator.run.ScheduleObject;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * The objects that the watches have reported, as small records. It may lag, so that nothing may be
 * concluded from an object that is missing in it.
 *
 * <p>Responses to requests of the operator update it too. An older version never replaces a newer
 * one, and a deleted object does not come back, in whatever order responses and events arrive.
 * Thread-safe.
 */
final class ClusterView implements PipelineResourceCache {

  /** Version of an object whose resourceVersion is not a number; counts as the newest. */
  private static final long UNKNOWN_VERSION = Long.MAX_VALUE;

  /**
   * The largest JSON of a spec that is kept, in bytes. A usual run has one to four KB and a
   * schedule with 500 clients about 20, but the API server stores up to 1.5 MB. With whole specs, a
   * hundred objects of one user would take the whole heap.
   */
  static final int KEPT_RUN = 8 * 1024;

  static final int KEPT_SCHEDULE = 32 * 1024;

  private record Cached<T>(T value, String uid, long version) {}

  private final CachedPods pods;
  private final Map<RunKey, Cached<ObservedJob>> jobs = new HashMap<>();
  private final Map<RunKey, Cached<RunObject>> runs = new HashMap<>();
  private final Map<RunKey, Cached<ScheduleObject>> schedules = new HashMap<>();

  private final CreatedRuns created = new CreatedRuns();

  /** Why an object is not in the cache any more. */
  private enum Removal {
    DELETED,
    /** It was deleted, or it is not selected by its labels any more. */
    UNKNOWN
  }

  /** UIDs of recently removed objects, so that a late response does not bring them back. */
  private final Map<String, Removal> removed = new LinkedHashMap<>();

  ClusterView(InstantSource clock) {
    pods = new CachedPods(clock);
  }

  // ---- pods

  /**
   * A watch reported the pod, maybe again, because it has its labels back.
   *
   * @return whether anything has changed that {@link ObservedPod} shows
   */
  synchronized boolean watched(Pod pod) {
    String uid = pod.getMetadata().getUid();
    removed.remove(uid, Removal.UNKNOWN);
    return !removed.containsKey(uid) && pods.put(pod, version(pod));
  }

  /**
   * A response showed the pod. It is only kept if a watch will report its further changes.
   *
   * @return whether anything has changed that {@link ObservedPod} shows
   */
  synchronized boolean update(Pod pod) {
    return !removed.containsKey(pod.getMetadata().getUid())
        && Labels.areOn(pod)
        && pods.put(pod, version(pod));
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
    remember(pod.getMetadata().getUid(), Removal.DELETED);
    return pods.replaceByTombstone(runOf(pod), Observation.gone(pod));
  }

  /**
   * The pod is missing from a new list after a watch was broken, so its last state is unknown. If
   * it had ended before, that is still known.
   *
   * @return its run; empty if the pod was not cached
   */
  synchronized Optional<RunKey> removeWithoutState(Pod pod) {
    remember(pod.getMetadata().getUid(), Removal.UNKNOWN);
    return pods.removeWithoutState(pod.getMetadata().getUid());
  }

  static RunKey runOf(HasMetadata object) {
    return new RunKey(
        object.getMetadata().getNamespace(),
        object.getMetadata().getLabels() == null
            ? ""
            : object.getMetadata().getLabels().getOrDefault(Labels.RUN, ""));
  }

  synchronized Map<String, ObservedPod> podsWithoutNode(Instant now) {
    return pods.withoutNode(now);
  }

  // ---- attempts

  synchronized ObservedAttempt attempt(Attempt attempt) {
    List<ObservedPod> found =
        pods.of(attempt.run()).stream().filter(p -> p.token().equals(attempt.token())).toList();
    Cached<ObservedJob> job = jobs.get(new RunKey(attempt.run().namespace(), attempt.jobName()));
    return new ObservedAttempt(Optional.ofNullable(job).map(Cached::value), found, false);
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
    RunObject read = CustomResources.run(run);
    boolean omitted =
        before
            .filter(b -> b.uid().equals(read.uid()) && b.generation() == read.generation())
            .map(b -> b.parsedSpec().isOmitted())
            .orElseGet(() -> isLonger(read.parsedSpec(), KEPT_RUN));
    put(runs, run, omitted ? read.withoutSpec() : read);
    Optional<RunObject> now = run(key);
    now.filter(o -> o.uid().equals(read.uid()))
        .ifPresent(
            o -> {
              if (o.createdByOperator()) {
                created.put(read);
              } else {
                created.remove(key);
              }
            });
    return !now.map(ClusterView::desired).equals(before.map(ClusterView::desired));
  }

  synchronized List<RunObject> createdRuns(ScheduleKey schedule, String client) {
    return created.of(schedule, client).stream().flatMap(key -> run(key).stream()).toList();
  }

  private static boolean isLonger(ParsedSpec<? extends Record> spec, int bytes) {
    return spec.problem().isEmpty() && RequestJson.isLonger(spec.get(), bytes);
  }

  private static List<Object> desired(RunObject run) {
    return List.of(run.uid(), run.generation(), run.deleting());
  }

  @Override
  public synchronized List<RunKey> update(PipelineSchedule schedule) {
    ScheduleObject read = CustomResources.schedule(schedule);
    return put(
            schedules,
            schedule,
            isLonger(read.parsedSpec(), KEPT_SCHEDULE) ? read.withoutSpec() : read)
        ? runsOf(schedule)
        : List.of();
  }

  synchronized List<ObservedJob> jobs() {
    return jobs.values().stream().map(Cached::value).toList();
  }

  synchronized void remove(Job job) {
    remove(jobs, job);
  }

  /** The operator has deleted it; a watch may not report that, if its labels were changed. */
  synchronized void remove(ObservedJob job) {
    remember(job.uid(), Removal.DELETED);
    jobs.computeIfPresent(
        new RunKey(job.namespace(), job.name()),
        (k, cached) -> cached.uid().equals(job.uid()) ? null : cached);
  }

  @Override
  public synchronized void remove(PipelineRun run) {
    remove(runs, run);
    RunKey key = CustomResources.key(run.getMetadata());
    if (!runs.containsKey(key)) {
      created.remove(key);
    }
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
    return run(object.key()).filter(cached -> !isSame(cached, object)).isPresent();
  }

  /** The newest resourceVersion with the content of this object; empty if it is unknown. */
  synchronized OptionalLong version(RunObject object) {
    Cached<RunObject> cached = runs.get(object.key());
    return cached == null || !isSame(cached.value(), object) || cached.version() == UNKNOWN_VERSION
        ? OptionalLong.empty()
        : OptionalLong.of(cached.version());
  }

  /** UID and generation, which are compared too, identify a spec that is not kept. */
  private static boolean isSame(RunObject cached, RunObject object) {
    return cached.equals(cached.parsedSpec().isOmitted() ? object.withoutSpec() : object);
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
        .filter(r -> r.schedule().filter(name::equals).isPresent())
        .map(RunObject::key)
        .toList();
  }

  private <T> boolean put(Map<RunKey, Cached<T>> map, HasMetadata object, T value) {
    String uid = object.getMetadata().getUid();
    long version = version(object);
    Cached<T> before = map.get(CustomResources.key(object.getMetadata()));
    if (removed.containsKey(uid) || before != null && before.version() > version) {
      return false;
    }
    map.put(CustomResources.key(object.getMetadata()), new Cached<>(value, uid, version));
    return before == null || !before.uid().equals(uid) || !before.value().equals(value);
  }

  private <T> void remove(Map<RunKey, Cached<T>> map, HasMetadata object) {
    String uid = object.getMetadata().getUid();
    remember(uid, Removal.DELETED);
    map.computeIfPresent(
        CustomResources.key(object.getMetadata()),
        (k, cached) -> cached.uid().equals(uid) ? null : cached);
  }

  private void remember(String uid, Removal removal) {
    removed.put(uid, removal);
    if (removed.size() > 2 * CachedPods.TOMBSTONES) {
      removed.remove(removed.keySet().iterator().next());
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
