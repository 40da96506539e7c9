/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.sim;

import io.luigioperator.admission.AdmissionLoop;
import io.luigioperator.admission.Capacity;
import io.luigioperator.api.DesiredState;
import io.luigioperator.api.PipelineRunSpec;
import io.luigioperator.api.PipelineSpec;
import io.luigioperator.api.Priority;
import io.luigioperator.api.TaskRef;
import io.luigioperator.job.Kube;
import io.luigioperator.job.KubeUnavailable;
import io.luigioperator.ledger.Ledger;
import io.luigioperator.ledger.LedgerUnavailable;
import io.luigioperator.reconcile.RunDriver;
import io.luigioperator.reconcile.Sweep;
import io.luigioperator.run.AdmitKey;
import io.luigioperator.run.Ageing;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.AttemptSeen.PodSeen;
import io.luigioperator.run.Limits;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunObject;
import io.luigioperator.run.RunState;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Supplier;

/** One seed's story: a few runs of two clients, two operators, and everything that can go wrong. */
final class Simulation {

  /** Everything that can go wrong, counted, so that a story in which nothing did is noticed. */
  enum Fault {
    CRASH,
    REQUEST_LOST,
    REQUEST_LATE,
    REQUEST_DOUBLED,
    LEDGER_ROLLED_BACK,
    LEDGER_APPLIED_BUT_ERROR,
    INTERLEAVED,
    LATE_POD,
    POD_DELETED,
    POD_TORN_AWAY,
    JOB_DELETED,
    RUN_DELETED,
    RUN_CANCELED,
    NODE_LOST
  }

  private static final class Crash extends Error {
    private static final long serialVersionUID = 1L;

    Crash() {
      super("crash", null, false, false);
    }
  }

  private static final Set<String> KUBE_WRITES =
      Set.of(
          "createRun",
          "deleteRun",
          "writeStatus",
          "createJob",
          "openGate",
          "deletePod",
          "deleteJob");
  private static final int RUNS = 8;
  private static final int ROOT_STEPS = 500;
  private static final int CALM_ROUNDS = 400;

  private static final class Operator {
    final SimKube kube;
    final RunDriver driver;
    final AdmissionLoop admission;
    final Sweep sweep;
    final Deque<RunKey> woken = new ArrayDeque<>();

    Operator(SimKube kube, Ledger ledger, Kube door, Simulation s) {
      this.kube = kube;
      this.driver = new RunDriver(ledger, door, "main", Limits.DEFAULT, s::now, () -> {});
      this.admission =
          new AdmissionLoop(
              ledger, door, "main", new Capacity(3), () -> "token-" + ++s.tokens, woken::add);
      this.sweep =
          new Sweep(
              ledger,
              door,
              "main",
              new Sweep.Retention(Duration.ofHours(1), Duration.ofHours(24), Duration.ofDays(400)),
              driver,
              woken::add);
    }
  }

  private final Random random;
  private final SimKube.Mutant mutant;
  private final SimLedger ledger;
  private final SimCluster cluster;
  private final Operator[] operators = new Operator[2];
  private final List<Runnable> network = new ArrayList<>();
  private final Map<AdmitKey, Long> fences = new HashMap<>();
  private final Set<String> claims = new HashSet<>();
  final EnumMap<Fault, Integer> faults = new EnumMap<>(Fault.class);
  final TreeMap<String, Integer> calls = new TreeMap<>();
  final EnumMap<RunState, Integer> outcomes = new EnumMap<>(RunState.class);
  private Instant now = Instant.parse("2026-01-01T00:00:00Z");
  private int tokens;
  private int depth;
  private boolean calm;

  Simulation(long seed, SimKube.Mutant mutant, boolean bindComparesState) {
    this.random = new Random(seed);
    this.mutant = mutant;
    this.ledger = new SimLedger(this::now, Ageing.DEFAULT, bindComparesState);
    this.cluster = new SimCluster(random, ledger);
    for (int i = 0; i < operators.length; i++) {
      operators[i] = boot();
    }
  }

  Instant now() {
    return now;
  }

  /** Plays the story to its end; throws on the first violated invariant. */
  void play() {
    for (int i = 0; i < RUNS; i++) {
      createRun(i);
    }
    for (int i = 0; i < ROOT_STEPS; i++) {
      step();
    }
    calm = true;
    cluster.heal();
    network.clear();
    for (int i = 0; i < CALM_ROUNDS && !allEnded(); i++) {
      round();
    }
    // once more, so that what the last run left is swept
    now = now.plus(Duration.ofMinutes(20));
    for (int i = 0; i < 20; i++) {
      round();
    }
    checkEnd();
  }

  // ---- a step of the storm

  private void step() {
    now = now.plusMillis(random.nextInt(25) == 0 ? 60_000 : random.nextInt(1500));
    switch (random.nextInt(12)) {
      case 0, 1, 2, 3 -> operate(random.nextInt(operators.length));
      case 4, 5, 6 -> cluster.act(true);
      case 7, 8 -> watchEvent(operators[random.nextInt(operators.length)]);
      case 9 -> deliver();
      case 10 -> environment();
      default -> cluster.act(true);
    }
    check();
  }

  private void watchEvent(Operator o) {
    o.kube.syncOne(random).flatMap(ledger::attemptByToken).ifPresent(a -> o.woken.add(a.run()));
  }

  private void operate(int index) {
    try {
      Operator o = operators[index];
      switch (random.nextInt(5)) {
        case 0 -> o.admission.pass();
        case 1 -> o.sweep.pass();
        default -> o.driver.drive(o.woken.isEmpty() ? anyRun() : o.woken.poll());
      }
    } catch (Crash e) {
      operators[index] = boot();
    } catch (LedgerUnavailable | KubeUnavailable e) {
      // the loops come round again
    }
  }

  private Operator boot() {
    SimKube kube = new SimKube(cluster, mutant);
    return new Operator(kube, faulty(Ledger.class, ledger), faulty(Kube.class, kube), this);
  }

  private void deliver() {
    if (!network.isEmpty()) {
      network.remove(random.nextInt(network.size())).run();
    }
  }

  private void environment() {
    switch (random.nextInt(16)) {
      case 0 ->
          any(cluster.pods.values().stream().filter(p -> !p.terminal()).toList())
              .ifPresent(p -> counted(Fault.POD_DELETED, () -> cluster.deletePod(p.uid())));
      case 1, 7 ->
          any(cluster.pods.values().stream()
                  .filter(p -> p.node().isPresent() && !p.terminal())
                  .toList())
              .ifPresent(p -> counted(Fault.POD_TORN_AWAY, () -> cluster.tearAway(p)));
      case 2 ->
          any(List.copyOf(cluster.jobs.keySet()))
              .ifPresent(u -> counted(Fault.JOB_DELETED, () -> cluster.deleteJob(u)));
      case 3 -> anyObject().ifPresent(this::userChangesHisMind);
      case 4, 5 -> {
        String node = random.nextBoolean() ? "node-a" : "node-b";
        counted(Fault.NODE_LOST, () -> cluster.silence(node));
      }
      case 6 ->
          any(List.copyOf(cluster.jobs.values()))
              .ifPresent(j -> network.add(() -> counted(Fault.LATE_POD, () -> cluster.makePod(j))));
      default -> cluster.heal();
    }
  }

  private void userChangesHisMind(RunObject o) {
    if (random.nextInt(3) == 0) {
      counted(Fault.RUN_DELETED, () -> cluster.deleteRun(o.key(), o.uid()));
      return;
    }
    DesiredState wish =
        switch (random.nextInt(4)) {
          case 0 -> DesiredState.Canceled;
          case 1 -> DesiredState.Held;
          default -> DesiredState.Running;
        };
    if (wish == DesiredState.Canceled) {
      faults.merge(Fault.RUN_CANCELED, 1, Integer::sum);
    }
    if (o.spec().desiredState() != DesiredState.Canceled) {
      edit(o, wish);
    }
  }

  private void edit(RunObject o, DesiredState wish) {
    PipelineRunSpec s = o.spec();
    PipelineRunSpec edited =
        new PipelineRunSpec(
            s.scheduleRef(),
            s.pipeline(),
            s.client(),
            s.date(),
            s.parameters(),
            s.rerun(),
            s.priority(),
            wish,
            s.notBeforeTime(),
            s.startDeadlineSeconds(),
            s.activeDeadlineSeconds(),
            s.maxAttempts(),
            s.ttlSecondsAfterFinished());
    cluster.runs.put(
        o.key(),
        new RunObject(
            o.key(),
            o.uid(),
            o.generation() + 1,
            o.createdAt(),
            o.deleting(),
            o.ours(),
            edited,
            o.status()));
  }

  private void createRun(int i) {
    PipelineRunSpec spec =
        new PipelineRunSpec(
            null,
            PipelineSpec.ofDefaults("image:1", new TaskRef("m", "F")),
            i % 2 == 0 ? "acme" : "globex",
            "2013-01-15",
            List.of(),
            null,
            i == 3 ? Priority.High : Priority.Normal,
            DesiredState.Running,
            null,
            null,
            null,
            null,
            null);
    cluster.createRun(new RunKey("ns", "run-" + i), spec, false);
  }

  // ---- the calm after it

  private void round() {
    now = now.plusSeconds(35);
    cluster.runs.values().stream()
        .filter(o -> o.spec().desiredState() == DesiredState.Held)
        .toList()
        .forEach(o -> edit(o, DesiredState.Running));
    Operator o = operators[0];
    for (int i = 0; i < 4; i++) {
      o.kube.syncAll();
      List.copyOf(cluster.runs.keySet()).forEach(o.driver::drive);
      for (int n = 0; n < 50; n++) {
        cluster.act(false);
        check();
      }
      o.kube.syncAll();
      o.admission.pass();
      while (!o.woken.isEmpty()) {
        o.driver.drive(o.woken.poll());
      }
    }
    o.sweep.pass();
    check();
  }

  // ---- faults of calls

  private <T> T faulty(Class<T> type, T target) {
    return type.cast(
        Proxy.newProxyInstance(
            type.getClassLoader(),
            new Class<?>[] {type},
            (proxy, method, args) -> call(type == Ledger.class, target, method, args)));
  }

  private Object call(boolean toLedger, Object target, Method method, Object[] args)
      throws Throwable {
    calls.merge(method.getName(), 1, Integer::sum);
    if (calm) {
      return invoke(target, method, args);
    }
    interleave();
    maybeCrash();
    Object answer = toLedger ? ledgerCall(target, method, args) : kubeCall(target, method, args);
    maybeCrash();
    return answer;
  }

  private Object ledgerCall(Object target, Method method, Object[] args) throws Throwable {
    int dice = random.nextInt(60);
    if (dice == 0) {
      faults.merge(Fault.LEDGER_ROLLED_BACK, 1, Integer::sum);
      throw new LedgerUnavailable("rolled back", new IllegalStateException());
    }
    Object answer = invoke(target, method, args);
    if (dice == 1) {
      faults.merge(Fault.LEDGER_APPLIED_BUT_ERROR, 1, Integer::sum);
      throw new LedgerUnavailable(
          "the commit went through, its answer did not", new IllegalStateException());
    }
    return answer;
  }

  private Object kubeCall(Object target, Method method, Object[] args) throws Throwable {
    int dice = random.nextInt(40);
    if (!KUBE_WRITES.contains(method.getName())) {
      if (dice == 0) {
        throw new KubeUnavailable("no answer", new IllegalStateException());
      }
      return invoke(target, method, args);
    }
    switch (dice) {
      case 0 -> {
        faults.merge(Fault.REQUEST_LOST, 1, Integer::sum);
        throw new KubeUnavailable("lost", new IllegalStateException());
      }
      case 1, 2 -> {
        faults.merge(Fault.REQUEST_LATE, 1, Integer::sum);
        network.add(() -> deliverLate(target, method, args));
        throw new KubeUnavailable("late", new IllegalStateException());
      }
      case 3, 4 -> {
        faults.merge(Fault.REQUEST_DOUBLED, 1, Integer::sum);
        network.add(() -> deliverLate(target, method, args));
        return invoke(target, method, args);
      }
      default -> {
        return invoke(target, method, args);
      }
    }
  }

  private static void deliverLate(Object target, Method method, Object[] args) {
    try {
      invoke(target, method, args);
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }

  private static Object invoke(Object target, Method method, Object[] args) throws Throwable {
    try {
      return method.invoke(target, args);
    } catch (InvocationTargetException e) {
      throw e.getCause();
    }
  }

  private void maybeCrash() {
    if (random.nextInt(80) == 0) {
      faults.merge(Fault.CRASH, 1, Integer::sum);
      throw new Crash();
    }
  }

  /**
   * Between any two calls of one operator the rest of the world may move, the other one included.
   */
  private void interleave() {
    if (depth > 0 || random.nextInt(6) > 0) {
      return;
    }
    depth++;
    try {
      faults.merge(Fault.INTERLEAVED, 1, Integer::sum);
      for (int i = random.nextInt(4); i >= 0; i--) {
        step();
      }
    } finally {
      depth--;
    }
  }

  private void counted(Fault fault, Runnable what) {
    faults.merge(fault, 1, Integer::sum);
    what.run();
  }

  // ---- invariants

  private void check() {
    Map<AdmitKey, Integer> live = new TreeMap<>();
    for (Run run : ledger.allRuns()) {
      List<Attempt> attempts = ledger.attemptsOf(run.key());
      int alive = (int) attempts.stream().filter(Attempt::isLive).count();
      live.merge(run.admitKey(), alive, Integer::sum);
      require(alive == (run.state() == RunState.ACTIVE ? 1 : 0), () -> "I4: " + run);
      attempts.forEach(this::requireFenceGrew);
    }
    ledger
        .holders()
        .forEach(
            (key, holder) ->
                require(
                    live.getOrDefault(key, 0) == (holder.isPresent() ? 1 : 0),
                    () -> "I4: holder " + holder + " of " + key));
    for (AdmitKey key : live.keySet()) {
      require(cluster.physicallyRunning(key) <= 1, () -> "I1: two processes of " + key);
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

  private void checkEnd() {
    for (Run run : ledger.allRuns()) {
      require(
          run.state().isTerminal(),
          () -> "I11: not ended: " + run + " " + ledger.attemptsOf(run.key()));
      outcomes.merge(run.state(), 1, Integer::sum);
    }
    ledger
        .holders()
        .forEach((key, holder) -> require(holder.isEmpty(), () -> "I13: held mutex " + key));
    List<PodSeen> open =
        cluster.pods.values().stream().filter(p -> !p.gated() && !p.terminal()).toList();
    require(open.isEmpty(), () -> "I13: pods that run: " + open);
    List<PodSeen> gated = cluster.pods.values().stream().filter(PodSeen::gated).toList();
    require(gated.isEmpty(), () -> "I13: gated pods left: " + gated);
  }

  private static void require(boolean holds, Supplier<String> what) {
    if (!holds) {
      throw new AssertionError(what.get());
    }
  }

  private boolean allEnded() {
    for (Run run : ledger.allRuns()) {
      if (!run.state().isTerminal()) {
        return false;
      }
    }
    return true;
  }

  private RunKey anyRun() {
    return new RunKey("ns", "run-" + random.nextInt(RUNS));
  }

  private Optional<RunObject> anyObject() {
    return any(List.copyOf(cluster.runs.values()));
  }

  private <T> Optional<T> any(List<T> of) {
    return of.isEmpty() ? Optional.empty() : Optional.of(of.get(random.nextInt(of.size())));
  }
}
