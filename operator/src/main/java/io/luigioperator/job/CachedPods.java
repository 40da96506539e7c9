/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

import io.fabric8.kubernetes.api.model.Pod;
import io.luigioperator.run.ObservedAttempt.ObservedPod;
import io.luigioperator.run.ObservedAttempt.StartFailure;
import io.luigioperator.run.RunKey;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.function.BinaryOperator;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The pods of a {@link ClusterView}, and the last states of those that were deleted. Not
 * thread-safe.
 */
final class CachedPods {

  /**
   * Bound on the deleted pods whose last state is kept. For older ones the end of the attempt is
   * not observed any more, only its absence.
   */
  static final int TOMBSTONES = 2_000;

  /**
   * How long a pod must have been short of resources for the cluster to count as full for its
   * namespace. Before, the scheduler may still find a node; after {@link #FULL_UNTIL}, the cause is
   * the pod itself.
   */
  private static final Duration FULL_FROM = Duration.ofSeconds(30);

  private static final Duration FULL_UNTIL = Duration.ofMinutes(5);

  private record Entry(
      RunKey run, ObservedPod observed, long version, Optional<Instant> openedAt) {}

  private record Tombstone(RunKey run, ObservedPod lastState) {}

  private final InstantSource clock;
  private final Map<String, Entry> pods = new HashMap<>();
  private final Map<RunKey, Set<String>> byRun = new HashMap<>();
  private final Map<String, Tombstone> tombstones = new LinkedHashMap<>();

  /** UIDs of the pods for which the scheduler finds no node with enough free resources. */
  private final Set<String> shortOfResources = new HashSet<>();

  CachedPods(InstantSource clock) {
    this.clock = clock;
  }

  /**
   * @param version of the object; an older one than that of the cache changes nothing
   * @return whether anything has changed that {@link ObservedPod} shows
   */
  boolean put(Pod pod, long version) {
    String uid = pod.getMetadata().getUid();
    Entry before = pods.get(uid);
    if (before != null && before.version() > version) {
      return false;
    }
    ObservedPod current = Observation.pod(pod);
    Optional<Instant> openedAt = openedAt(before, current);
    ObservedPod observed = openedAt.map(t -> failingSince(current, t)).orElse(current);
    RunKey run = ClusterView.runOf(pod);
    tombstones.remove(uid); // it had only lost its labels
    if (before != null && !before.run().equals(run)) {
      unlink(before.run(), uid);
    }
    pods.put(uid, new Entry(run, observed, version, openedAt));
    byRun.computeIfAbsent(run, k -> new HashSet<>()).add(uid);
    boolean isShort =
        !observed.gated()
            && !observed.terminating()
            && observed.startFailure().filter(StartFailure::shortage).isPresent();
    if (isShort) {
      shortOfResources.add(uid);
    } else {
      shortOfResources.remove(uid);
    }
    return before == null || !before.observed().equals(observed);
  }

  /**
   * When the gate of the pod was opened. The pod's condition PodScheduled is False since its
   * creation, although the scheduler only tries since then.
   */
  private Optional<Instant> openedAt(@Nullable Entry before, ObservedPod now) {
    if (before == null || now.openedAt().isPresent()) {
      return now.openedAt();
    }
    return before.observed().gated() && !now.gated()
        ? Optional.of(clock.instant())
        : before.openedAt();
  }

  private static ObservedPod failingSince(ObservedPod p, Instant openedAt) {
    return p.with(
        p.startFailure()
            .map(
                f ->
                    f.since().isBefore(openedAt)
                        ? new StartFailure(f.cause(), f.message(), openedAt, f.shortage())
                        : f));
  }

  /** The pod is gone; only the given last state is kept. Returns whether this is new. */
  boolean replaceByTombstone(RunKey run, ObservedPod lastState) {
    remove(lastState.uid());
    return addTombstone(run, lastState);
  }

  /**
   * The pod is not selected any more, for an unknown reason. If it had ended before, that is still
   * known.
   *
   * @return its run; empty if the pod was not cached
   */
  Optional<RunKey> removeWithoutState(String uid) {
    Entry last = remove(uid);
    if (last == null) {
      return Optional.empty();
    }
    if (last.observed().terminal() && last.observed().ending().isPresent()) {
      addTombstone(last.run(), last.observed().asGone());
    }
    return Optional.of(last.run());
  }

  private @Nullable Entry remove(String uid) {
    shortOfResources.remove(uid);
    Entry entry = pods.remove(uid);
    if (entry != null) {
      unlink(entry.run(), uid);
    }
    return entry;
  }

  private boolean addTombstone(RunKey run, ObservedPod lastState) {
    Tombstone before = tombstones.put(lastState.uid(), new Tombstone(run, lastState));
    byRun.computeIfAbsent(run, k -> new HashSet<>()).add(lastState.uid());
    if (tombstones.size() > TOMBSTONES) {
      Map.Entry<String, Tombstone> eldest = tombstones.entrySet().iterator().next();
      tombstones.remove(eldest.getKey());
      unlink(eldest.getValue().run(), eldest.getKey());
    }
    return before == null;
  }

  private void unlink(RunKey run, String uid) {
    byRun.computeIfPresent(
        run,
        (k, uids) -> {
          uids.remove(uid);
          return uids.isEmpty() ? null : uids;
        });
  }

  /** The pods of a run, also deleted ones. */
  List<ObservedPod> of(RunKey run) {
    return byRun.getOrDefault(run, Set.of()).stream().map(this::lastState).toList();
  }

  /** For a UID from {@code byRun}, which {@code pods} or {@code tombstones} holds. */
  private ObservedPod lastState(String uid) {
    Entry entry = pods.get(uid);
    return entry != null
        ? entry.observed()
        : Objects.requireNonNull(tombstones.get(uid)).lastState();
  }

  /**
   * The pod of each namespace for which the cluster counts as full: of several, the one that waits
   * longest.
   */
  Map<String, ObservedPod> withoutNode(Instant now) {
    return shortOfResources.stream()
        .map(this::lastState)
        .filter(p -> isWithin(p.startFailure().orElseThrow().since(), now))
        .collect(
            Collectors.toUnmodifiableMap(
                ObservedPod::namespace,
                Function.identity(),
                BinaryOperator.minBy(
                    Comparator.comparing((ObservedPod p) -> p.startFailure().orElseThrow().since())
                        .thenComparing(ObservedPod::uid))));
  }

  private static boolean isWithin(Instant since, Instant now) {
    return now.isAfter(since.plus(FULL_FROM)) && now.isBefore(since.plus(FULL_UNTIL));
  }
}
