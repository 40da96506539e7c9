/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.sim;

import io.luigioperator.api.PipelineRunSpec;
import io.luigioperator.run.AdmitKey;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.AttemptSeen.JobSeen;
import io.luigioperator.run.AttemptSeen.PodSeen;
import io.luigioperator.run.Ending;
import io.luigioperator.run.FailureCause;
import io.luigioperator.run.NodeSeen;
import io.luigioperator.run.NodeSeen.Health;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunObject;
import io.luigioperator.run.RunState;
import io.luigioperator.run.Verdict;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import java.util.TreeMap;

/**
 * The truth about one cluster: the API server's objects, the Job controller, scheduler and kubelets
 * that act on them in their own time, and what physically runs, whatever the API says.
 */
final class SimCluster {

  static final String IDENTITY = "kube-system-uid";
  private static final List<String> NODES = List.of("node-a", "node-b");
  private static final Duration PARTITION_KILL = Duration.ofSeconds(300);

  /** A process on a node: it ends with its container, or some time after its pod was torn away. */
  private record Process(AdmitKey key, String node, Optional<Instant> until) {}

  private final Random random;
  private final SimLedger ledger;
  final TreeMap<RunKey, RunObject> runs = new TreeMap<>();
  final TreeMap<String, JobSeen> jobs = new TreeMap<>();
  final TreeMap<String, PodSeen> pods = new TreeMap<>();
  final Map<String, PodSeen> lastStates = new HashMap<>();
  final Map<String, NodeSeen> nodes = new TreeMap<>();
  private final Map<String, Process> processes = new TreeMap<>();
  private final Map<String, Integer> startsByToken = new HashMap<>();
  private final Map<String, Instant> diesAt = new HashMap<>();
  private final Map<String, Integer> podsMade = new HashMap<>();
  private long uids;

  SimCluster(Random random, SimLedger ledger) {
    this.random = random;
    this.ledger = ledger;
    NODES.forEach(n -> nodes.put(n, new NodeSeen(Health.READY, ledger.now())));
  }

  String newUid(String kind) {
    return "%s-%06d".formatted(kind, ++uids);
  }

  // ---- requests, as the API server applies them

  RunObject createRun(RunKey key, PipelineRunSpec spec, boolean ours) {
    return runs.computeIfAbsent(
        key,
        k -> new RunObject(k, newUid("run"), 1, ledger.now(), false, ours, spec, Optional.empty()));
  }

  /** Empty: made; else the Job that has the name already. */
  Optional<JobSeen> createJob(Attempt attempt) {
    Optional<JobSeen> there = job(attempt.run().namespace(), attempt.jobName());
    if (there.isEmpty()) {
      JobSeen job =
          new JobSeen(
              attempt.run().namespace(),
              attempt.jobName(),
              newUid("job"),
              attempt.token(),
              ledger.now(),
              false);
      jobs.put(job.uid(), job);
    }
    return there;
  }

  Optional<JobSeen> job(String namespace, String name) {
    return jobs.values().stream()
        .filter(j -> j.namespace().equals(namespace) && j.name().equals(name))
        .findFirst();
  }

  boolean openGate(String uid) {
    PodSeen pod = pods.get(uid);
    if (pod == null || !pod.gated() || pod.terminating()) {
      return false;
    }
    Attempt attempt = ledger.attemptByToken(pod.token()).orElseThrow();
    processes.put(uid, new Process(attempt.admitKey(), "", Optional.empty()));
    int starts = startsByToken.merge(pod.token(), 1, Integer::sum);
    if (starts > 1) {
      throw new AssertionError("I2: attempt " + attempt.ref() + " was started twice");
    }
    long physical = physicallyRunning(attempt.admitKey());
    if (physical > 1) {
      throw new AssertionError("I1: " + physical + " processes of " + attempt.admitKey());
    }
    if (ledger.load(attempt.run(), "").orElseThrow().run().state() == RunState.CANCELED) {
      throw new AssertionError("I7: started after CANCELED: " + attempt.ref());
    }
    put(with(pod, false, pod.terminating(), pod.node(), pod.startedAt(), Optional.empty()));
    return true;
  }

  void deletePod(String uid) {
    PodSeen pod = pods.get(uid);
    if (pod == null || pod.terminating()) {
      return;
    }
    if (pod.terminal()) {
      remove(pod);
    } else {
      // tasks take their grace period, or part of it
      diesAt.put(uid, ledger.now().plus(grace()));
      put(with(pod, pod.gated(), true, pod.node(), pod.startedAt(), neverPlaced(pod)));
    }
  }

  private static Optional<Ending> neverPlaced(PodSeen pod) {
    return pod.node().isPresent()
        ? Optional.empty()
        : Optional.of(Ending.of(FailureCause.POD_DELETED, "deleted before it had a node"));
  }

  void deleteJob(String uid) {
    if (jobs.remove(uid) != null) {
      pods.values().stream()
          .filter(p -> p.jobUid().equals(uid))
          .toList()
          .forEach(p -> deletePod(p.uid()));
    }
  }

  void deleteRun(RunKey key, String uid) {
    RunObject object = runs.get(key);
    if (object != null && object.uid().equals(uid)) {
      runs.remove(key);
    }
  }

  long physicallyRunning(AdmitKey key) {
    processes.values().removeIf(p -> p.until().filter(t -> !ledger.now().isBefore(t)).isPresent());
    return processes.values().stream().filter(p -> p.key().equals(key)).count();
  }

  // ---- what controllers and kubelets do, one step of one of them

  /** Lets a random actor move; false when nothing could. */
  boolean act(boolean duplicates) {
    List<Runnable> moves = new ArrayList<>();
    for (JobSeen job : jobs.values()) {
      int made = podsMade.getOrDefault(job.uid(), 0);
      if (made == 0 || duplicates && made == 1 && random.nextInt(4) == 0) {
        moves.add(() -> makePod(job));
      }
    }
    for (JobSeen job : jobs.values()) {
      boolean alive =
          pods.values().stream().anyMatch(p -> p.jobUid().equals(job.uid()) && !p.terminal());
      if (!job.ended() && podsMade.containsKey(job.uid()) && !alive) {
        moves.add(() -> jobs.put(job.uid(), ended(job)));
      }
    }
    for (PodSeen pod : pods.values()) {
      moves.addAll(movesOf(pod));
    }
    if (moves.isEmpty()) {
      return false;
    }
    moves.get(random.nextInt(moves.size())).run();
    return true;
  }

  private static JobSeen ended(JobSeen j) {
    return new JobSeen(j.namespace(), j.name(), j.uid(), j.token(), j.createdAt(), true);
  }

  /** The Job controller; also late, for a Job that is gone meanwhile. */
  void makePod(JobSeen job) {
    podsMade.merge(job.uid(), 1, Integer::sum);
    String uid = newUid("pod");
    put(
        new PodSeen(
            job.namespace(),
            job.name() + "-" + uid,
            uid,
            job.token(),
            job.uid(),
            true,
            false,
            false,
            Optional.empty(),
            Optional.empty(),
            false,
            Optional.empty(),
            Optional.empty()));
  }

  private List<Runnable> movesOf(PodSeen pod) {
    boolean onReadyNode = pod.node().filter(n -> isReady(n)).isPresent();
    if (pod.terminating() && (pod.node().isEmpty() || pod.terminal())) {
      return List.of(() -> remove(pod));
    }
    if (pod.terminal() || pod.gated()) {
      return List.of();
    }
    if (pod.node().isEmpty()) {
      String node = NODES.get(random.nextInt(NODES.size()));
      return isReady(node)
          ? List.of(
              () ->
                  put(
                      with(
                          pod,
                          false,
                          pod.terminating(),
                          Optional.of(node),
                          pod.startedAt(),
                          Optional.empty())))
          : List.of();
    }
    if (!onReadyNode) {
      return List.of();
    }
    if (pod.terminating()) {
      boolean lingers = ledger.now().isBefore(diesAt.get(pod.uid()));
      return lingers ? List.of() : List.of(() -> end(pod, ending(FailureCause.KILLED, 143)));
    }
    return pod.startedAt().isEmpty()
        ? List.of(
            () ->
                put(
                    with(
                        pod,
                        false,
                        false,
                        pod.node(),
                        Optional.of(ledger.now()),
                        Optional.empty())))
        : List.of(() -> end(pod, randomEnding()));
  }

  private void end(PodSeen pod, Ending ending) {
    processes.remove(pod.uid());
    put(
        new PodSeen(
            pod.namespace(),
            pod.name(),
            pod.uid(),
            pod.token(),
            pod.jobUid(),
            false,
            pod.terminating(),
            false,
            pod.node(),
            pod.startedAt(),
            true,
            Optional.of(ending),
            Optional.empty()));
  }

  private Ending randomEnding() {
    return switch (random.nextInt(10)) {
      case 0 -> ending(Verdict.TASK_FAILED, 30);
      case 1 -> ending(FailureCause.OUT_OF_MEMORY, 137);
      case 2 -> ending(Verdict.DRAINED, 60);
      case 3 -> ending(Verdict.INTERNAL_ERROR, 40);
      default -> ending(Verdict.SUCCEEDED, 0);
    };
  }

  private static Ending ending(io.luigioperator.run.EndCause cause, int code) {
    return new Ending(cause, OptionalInt.of(code), cause.reason(), "");
  }

  // ---- faults of the environment

  /** A forced delete: the API forgets the pod, the process lives on for a while. */
  void tearAway(PodSeen pod) {
    String node = pod.node().orElseThrow();
    Duration dies = isReady(node) ? grace() : PARTITION_KILL;
    processes.computeIfPresent(
        pod.uid(), (uid, p) -> new Process(p.key(), node, Optional.of(ledger.now().plus(dies))));
    pods.remove(pod.uid());
    lastStates.put(pod.uid(), pod);
  }

  /** A node falls silent; nothing on it ends, and nothing new starts. */
  void silence(String node) {
    if (isReady(node)) {
      nodes.put(node, new NodeSeen(Health.NOT_READY, ledger.now()));
    }
  }

  /** Nodes come back; their kubelets now stop what was torn away meanwhile. */
  void heal() {
    for (String node : NODES) {
      if (!isReady(node)) {
        nodes.put(node, new NodeSeen(Health.READY, ledger.now()));
        Instant stopped = ledger.now().plus(grace());
        processes.replaceAll(
            (uid, p) ->
                p.node().equals(node) && p.until().filter(stopped::isBefore).isPresent()
                    ? new Process(p.key(), node, Optional.of(stopped))
                    : p);
      }
    }
  }

  private boolean isReady(String node) {
    return nodes.get(node).health() == Health.READY;
  }

  private Duration grace() {
    return Duration.ofSeconds(random.nextInt(120));
  }

  private void remove(PodSeen pod) {
    pods.remove(pod.uid());
    processes.remove(pod.uid());
    lastStates.put(pod.uid(), pod);
  }

  private void put(PodSeen pod) {
    pods.put(pod.uid(), pod);
  }

  private static PodSeen with(
      PodSeen p,
      boolean gated,
      boolean terminating,
      Optional<String> node,
      Optional<Instant> startedAt,
      Optional<Ending> ending) {
    return new PodSeen(
        p.namespace(),
        p.name(),
        p.uid(),
        p.token(),
        p.jobUid(),
        gated,
        terminating,
        p.gone(),
        node,
        startedAt,
        p.terminal(),
        ending,
        p.trouble());
  }
}
