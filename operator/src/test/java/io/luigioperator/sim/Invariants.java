/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.sim;

import io.luigioperator.api.Phase;
import io.luigioperator.api.PipelineRunStatus;
import io.luigioperator.run.AdmitKey;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.ClusterIdentity;
import io.luigioperator.run.ObservedAttempt.ObservedPod;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunObject;
import io.luigioperator.run.RunState;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Supplier;
import java.util.stream.Stream;

/**
 * What must hold after every event, and what must hold at the end. The numbers are those of
 * docs/protocol.md:
 *
 * <ul>
 *   <li>I1 at most one physically running attempt per mutex key
 *   <li>I2 at most one start per attempt, starts within the policy (this in {@link SimLedger})
 *   <li>I3 fences grow strictly
 *   <li>I4 a key has a holder if and only if it has one live attempt
 *   <li>I7 no start after CANCELED; no operator that has read {@code cancel} opens a gate
 *   <li>I8 terminal states never change (in {@link SimLedger}), nor does the status of a
 *       PipelineRun that shows an end or a rejection; a run that has ended never starts, also if
 *       its row is lost
 *   <li>I11 at the end every accepted run is terminal
 *   <li>I13 at the end no held mutex, pod or Job is left
 *   <li>I6 and I12: see {@link TickInvariants}
 *   <li>capacity: no more attempts than slots
 *   <li>limit: no run begins to count against the limit of its schedule beyond it
 * </ul>
 *
 * I10, no hot loop, is an error in the log of the operator ({@link SimLog}) and a bound in {@link
 * CalmScenario}.
 */
final class Invariants {

  private final SimLedger ledger;
  private final TickInvariants ticks;
  private final Processes processes;
  private final Map<String, SimCluster> clusters;

  /** By cluster, how many attempts may occupy a slot. */
  private final Map<String, Integer> slots;

  private final Map<String, Integer> startsByToken = new HashMap<>();
  private final Map<AdmitKey, Long> fences = new HashMap<>();
  private final Set<String> claims = new HashSet<>();
  private long checked = -1;
  private int limitEntries;

  Invariants(
      SimLedger ledger,
      TickInvariants ticks,
      Processes processes,
      Map<String, SimCluster> clusters,
      Map<String, Integer> slots) {
    this.ledger = ledger;
    this.ticks = ticks;
    this.processes = processes;
    this.clusters = clusters;
    this.slots = slots;
  }

  static void require(boolean holds, Supplier<String> what) {
    if (!holds) {
      throw new AssertionError(what.get());
    }
  }

  /** The gate of this pod is opened: from now on it may run. */
  void gateOpened(ObservedPod pod) {
    Attempt attempt = ledger.attemptByToken(pod.token()).orElseThrow();
    processes.begin(pod.uid(), attempt.admitKey());
    int starts = startsByToken.merge(pod.token(), 1, Integer::sum);
    require(starts == 1, () -> "I2: started twice: " + attempt.ref());
    long running = processes.count(attempt.admitKey());
    require(running == 1, () -> "I1: " + running + " processes of " + attempt.admitKey());
    require(
        ledger.run(attempt.run()).state() != RunState.CANCELED,
        () -> "I7: started after CANCELED: " + attempt.ref());
    require(
        Stream.ofNullable(
                clusters
                    .get(ClusterIdentity.clusterIdOf(attempt.cluster()))
                    .runs
                    .get(attempt.run()))
            .noneMatch(o -> o.outcome().isPresent()),
        () -> "I8: started although its PipelineRun shows an end: " + attempt.ref());
  }

  /** If its object is created again, the run begins anew, with the first fence of its own key. */
  void rowLost(RunKey run) {
    fences.remove(AdmitKey.ofRun(run));
  }

  /** A status is written. */
  static void statusWritten(RunObject before, PipelineRunStatus after) {
    before
        .outcome()
        .ifPresent(
            outcome ->
                require(
                    withStatus(before, Optional.of(after)).outcome().equals(Optional.of(outcome)),
                    () -> "I8: the end of a run changed: " + before + " -> " + after));
    boolean sameGeneration =
        before
            .status()
            .filter(s -> s.phase() == Phase.Rejected)
            .filter(s -> Objects.equals(s.observedGeneration(), after.observedGeneration()))
            .isPresent();
    require(
        !sameGeneration || after.phase() == Phase.Rejected,
        () -> "I8: a rejected run changed: " + before + " -> " + after);
  }

  static RunObject withStatus(RunObject o, Optional<PipelineRunStatus> status) {
    return new RunObject(
        o.key(),
        o.uid(),
        o.generation(),
        o.createdAt(),
        o.deleting(),
        o.createdByOperator(),
        o.spec(),
        status);
  }

  /** After any event. */
  void check() {
    ticks.check();
    if (checked == ledger.changes()) {
      return;
    }
    checked = ledger.changes();
    checkLimits();
    Map<AdmitKey, Integer> live = new TreeMap<>();
    Map<String, Integer> occupied = new TreeMap<>();
    for (Run run : ledger.allRuns()) {
      int liveAttempts = 0;
      for (Attempt a : ledger.attemptsOf(run.key())) {
        requireFenceGrew(a);
        if (a.isLive()) {
          liveAttempts++;
          occupied.merge(a.cluster(), occupies(a) ? 1 : 0, Integer::sum);
        }
      }
      live.merge(run.admitKey(), liveAttempts, Integer::sum);
      boolean consistent = liveAttempts == (run.state() == RunState.ACTIVE ? 1 : 0);
      require(consistent, () -> "I4: " + run);
    }
    ledger
        .mutexes()
        .forEach(
            (key, holder) ->
                require(
                    live.getOrDefault(key, 0) == (holder.isPresent() ? 1 : 0),
                    () -> "I4: holder " + holder + " of " + key));
    occupied.forEach(
        (cluster, n) ->
            require(
                n <= slots.get(ClusterIdentity.clusterIdOf(cluster)),
                () -> "capacity: %d attempts in %s of %s".formatted(n, cluster, slots)));
  }

  private void checkLimits() {
    List<SimLimits.Entry> entries = ledger.limits().entries();
    while (limitEntries < entries.size()) {
      SimLimits.Entry entry = entries.get(limitEntries++);
      require(
          entry.counting() <= entry.maxRuns(),
          () -> "limit: more runs than maxConcurrentRuns: " + entry);
    }
  }

  private void requireFenceGrew(Attempt attempt) {
    if (claims.add(attempt.token())) {
      long fence = attempt.ref().fence();
      long before = fences.getOrDefault(attempt.admitKey(), 0L);
      require(fence > before, () -> "I3: fence " + fence + " after " + before);
      fences.put(attempt.admitKey(), fence);
    }
  }

  /** Until its pod is terminal or gone: the commit that ends the attempt comes later. */
  private boolean occupies(Attempt attempt) {
    SimCluster cluster = clusters.get(ClusterIdentity.clusterIdOf(attempt.cluster()));
    if (!cluster.registeredAs().value().equals(attempt.cluster())) {
      return false; // the cluster was rebuilt
    }
    return attempt
        .binding()
        .map(
            b ->
                Optional.ofNullable(cluster.pods.get(b.podUid()))
                    .filter(p -> p.ending().isEmpty())
                    .isPresent())
        .orElse(true);
  }

  /** When nothing is left to do. */
  void checkEnd() {
    check();
    ticks.checkEnd(clusters.values());
    for (Run run : ledger.allRuns()) {
      require(
          run.state().isFinal(),
          () -> "I11: not ended: " + run + " " + ledger.attemptsOf(run.key()));
    }
    ledger
        .mutexes()
        .forEach((key, holder) -> require(holder.isEmpty(), () -> "I13: held mutex " + key));
    for (SimCluster c : clusters.values()) {
      List<ObservedPod> open =
          c.pods.values().stream().filter(p -> !p.gated() && !p.terminal()).toList();
      require(open.isEmpty(), () -> "I13: pods are running: " + open);
    }
  }

  /** When the retention time of every Job has passed. */
  void checkNoJobIsLeft() {
    for (SimCluster c : clusters.values()) {
      require(c.jobs.isEmpty(), () -> "I13: Jobs left: " + c.jobs.values());
      require(c.pods.isEmpty(), () -> "I13: pods left: " + c.pods.values());
    }
  }

  /** When the retention time of the history has passed. */
  void checkNoAttemptIsLeft() {
    for (Run run : ledger.allRuns()) {
      List<Attempt> kept = ledger.attemptsOf(run.key());
      require(kept.isEmpty(), () -> "I13: attempts left: " + kept);
    }
  }

  /** Whether every run has ended. */
  boolean allEnded() {
    for (Run run : ledger.allRuns()) {
      if (!run.state().isFinal()) {
        return false;
      }
    }
    return true;
  }

  Map<RunKey, RunState> outcomes() {
    Map<RunKey, RunState> outcomes = new TreeMap<>();
    ledger.allRuns().forEach(r -> outcomes.put(r.key(), r.state()));
    return outcomes;
  }
}
