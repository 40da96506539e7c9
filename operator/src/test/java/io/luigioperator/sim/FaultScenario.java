/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.sim;

import io.luigioperator.job.Kube.Freshness;
import io.luigioperator.job.KubeUnavailable;
import io.luigioperator.ledger.DatabaseClock;
import io.luigioperator.ledger.LedgerUnavailable;
import io.luigioperator.run.ClusterIdentity;
import io.luigioperator.run.ObservedAttempt.ObservedPod;
import io.luigioperator.run.Pods;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/**
 * A scenario with every kind of fault: three operators, two of them as leaders of the same cluster,
 * and ten runs. After 500 steps the faults stop, and then every run must end.
 */
final class FaultScenario implements Scenario {

  private static final int STEPS = 500;

  private final SimEnvironment env;
  private final UserActions users;
  private final FaultyClients clients;

  /** The last one is the leader of the other cluster. */
  private final SimOperator[] operators = new SimOperator[3];

  /** A standby of each of them has checked the time of the database before it takes over. */
  private final DatabaseClock[] databaseClocks = new DatabaseClock[operators.length];

  FaultScenario(long seed, Mutant mutant) {
    this.env = new SimEnvironment(seed, mutant, operators.length - 1);
    this.users = new UserActions(env);
    this.clients = new FaultyClients(env, this::step);
    for (int i = 0; i < operators.length; i++) {
      databaseClocks[i] = env.newDatabaseClock();
      start(i);
    }
  }

  @Override
  public FaultCounts counts() {
    return env.counts;
  }

  @Override
  public void run() {
    for (int i = 0; i < UserActions.RUNS; i++) {
      users.create(i);
    }
    if (env.schedules.isUsed()) {
      env.schedules.create(env.main);
      if (env.oneIn(3)) {
        env.schedules.create(env.other);
      }
    }
    for (int i = 0; i < STEPS; i++) {
      step();
    }
    operators[operators.length - 1].kill();
    start(operators.length - 1);
    operators[0].leadershipBegins(); // nobody else leads there any more
    clients.stopFaults();
    env.controllers.values().forEach(SimControllers::repair);
    env.clusters().forEach(env.schedules::applyAgain);
    correctDatabaseClock();
    users.finishDeletions();
    CalmScenario.after(env, users, List.of(operators[0], operators[2])).run();
  }

  private Instant mainAwayUntil = Instant.MIN;

  private void start(int i) {
    SimCluster cluster = i < operators.length - 1 ? env.main : env.other;
    operators[i] =
        new SimOperator(env, cluster, clients, true, cluster.registeredAs(), databaseClocks[i]);
  }

  /**
   * It is refused, because the id belongs to the other cluster, although the operators of that one
   * cannot reach the ledger for a while.
   */
  private void startWithIdOfTheOtherCluster() {
    mainAwayUntil = env.now().plus(Duration.ofMinutes(20));
    int last = operators.length - 1;
    operators[last].kill();
    ClusterIdentity wrong = new ClusterIdentity(env.main.name, env.other.identity());
    operators[last] = new SimOperator(env, env.other, clients, true, wrong, databaseClocks[last]);
  }

  private void step() {
    boolean mainAway = env.now().isBefore(mainAwayUntil);
    env.pass(
        env.oneIn(mainAway ? 3 : 40)
            ? Duration.ofSeconds(60)
            : Duration.ofMillis(env.random.nextInt(1500)));
    int i = mainAway ? operators.length - 1 : env.random.nextInt(operators.length);
    if (!operators[i].isRegistered() || env.oneIn(5)) {
      unlessKilled(i, operators[i]::heartbeat);
    }
    if (env.databaseAhead.isZero()) {
      if (isAPodLost() && env.oneIn(3)) { // only time frees its key
        setDatabaseClockAhead();
      }
    } else if (env.oneIn(40)) {
      env.databaseAhead = Duration.ZERO;
    }
    SimControllers controllers = env.controllers.get(operators[i].cluster.name);
    switch (env.random.nextInt(17)) {
      case 0, 1, 2, 3 -> runOperator(i);
      case 4, 5, 6 -> controllers.act();
      case 7 ->
          controllers
              .jobWithOnePod()
              .ifPresent(j -> count(Fault.SECOND_POD, () -> controllers.createPod(j)));
      case 8, 9, 10, 11, 12, 13, 14 -> operators[i].deliverWatchEvent(10);
      case 15 -> clients.deliver();
      default -> injectFault(operators[i].cluster);
    }
    env.invariants.check();
  }

  private void runOperator(int i) {
    SimOperator operator = operators[i];
    if (operator.isRegistered()) {
      unlessKilled(
          i,
          switch (env.random.nextInt(10)) {
            case 0 -> operator::sweep;
            case 1 -> () -> operator.reconcile(users.anyRun());
            default -> env.any(operator.pendingActions()).orElse(() -> {});
          });
    }
  }

  private void unlessKilled(int i, Runnable what) {
    SimOperator operator = operators[i];
    try {
      what.run();
    } catch (FaultyClients.Crash e) {
      if (operators[i] == operator) {
        operator.kill();
        start(i);
      }
    } catch (LedgerUnavailable | KubeUnavailable e) {
      // the next step repeats it
    }
  }

  // ---- faults of a cluster

  private void injectFault(SimCluster c) {
    SimControllers controllers = env.controllers.get(c.name);
    List<ObservedPod> alive = c.pods.values().stream().filter(p -> !p.terminal()).toList();
    switch (env.random.nextInt(20)) {
      case 0 -> env.any(alive).ifPresent(p -> count(Fault.POD_DELETED, () -> c.deletePod(p.uid())));
      case 1, 2 ->
          env.any(alive.stream().filter(p -> p.node().isPresent()).toList())
              .ifPresent(p -> count(Fault.POD_FORCE_DELETED, () -> controllers.forceDelete(p)));
      case 3 ->
          env.any(List.copyOf(c.jobs.keySet()))
              .ifPresent(uid -> count(Fault.JOB_DELETED, () -> c.deleteJob(uid)));
      case 4, 5 -> users.changeSomething();
      case 6 ->
          env.any(c.nodeNames)
              .ifPresent(n -> count(Fault.NODE_LOST, () -> controllers.disconnect(n)));
      case 7 ->
          env.any(c.jobs.values().stream().filter(j -> !j.token().isEmpty()).toList())
              .ifPresent(
                  j ->
                      clients.deliverLater(
                          () -> count(Fault.LATE_POD, () -> controllers.createPod(j))));
      case 8, 9 ->
          env.any(
                  alive.stream()
                      .filter(p -> !p.gated() && p.startedAt().isEmpty() && !p.terminating())
                      .toList())
              .ifPresent(p -> count(Fault.POD_START_FAILED, () -> controllers.failStart(p)));
      case 10 -> startRefusing(c);
      case 11 -> rareFault(c);
      case 12 -> users.finishDeletions();
      case 13 ->
          env.any(List.copyOf(c.pods.values()))
              .ifPresent(p -> count(Fault.POD_UNLABELLED, () -> c.put(Pods.labelled(p, false))));
      default -> {
        controllers.repair();
        env.schedules.applyAgain(c);
      }
    }
  }

  private void startRefusing(SimCluster c) {
    Fault refusal =
        env.any(
                List.of(
                    Fault.OBJECTS_REFUSED,
                    Fault.JOBS_REFUSED,
                    Fault.JOBS_SUSPENDED,
                    Fault.GATES_REFUSED,
                    Fault.PODS_STRIPPED,
                    Fault.PODS_REFUSED,
                    Fault.TEMPLATES_REFUSED,
                    Fault.NAMESPACE_TERMINATING))
            .orElseThrow();
    count(refusal, () -> c.refusing.add(refusal));
  }

  private void rareFault(SimCluster c) {
    if (env.mutant == Mutant.IDENTITY_IGNORED) {
      reuseClusterId(); // the only fault that shows this error
    } else if (env.oneIn(6)) {
      jumpDatabaseClock();
    } else if (env.oneIn(8)) {
      count(Fault.CLUSTER_REBUILT, () -> rebuild(c));
    } else if (env.oneIn(6)) {
      count(Fault.NAMESPACE_RECREATED, () -> recreateNamespace(c));
    } else if (env.oneIn(3)) {
      reuseClusterId();
    } else if (env.oneIn(2)) {
      loseRow();
    } else {
      String next = users.anyRun().name() + "-a" + env.random.nextInt(1, 4);
      if (c.job(users.anyRun().namespace(), next).isEmpty()) {
        count(Fault.JOB_NAME_TAKEN, () -> c.putJob(users.anyRun().namespace(), next, ""));
      }
    }
  }

  private void reuseClusterId() {
    if (Arrays.stream(operators).allMatch(SimOperator::isRegistered)) {
      count(Fault.CLUSTER_ID_REUSED, this::startWithIdOfTheOtherCluster);
    }
  }

  /** Not one that only lost its labels. */
  private boolean isAPodLost() {
    return env.ledger.missingPods().stream()
        .anyMatch(uid -> env.clusters().stream().noneMatch(c -> c.pods.containsKey(uid)));
  }

  private void jumpDatabaseClock() {
    if (env.oneIn(2)) {
      setDatabaseClockAhead();
    } else {
      count(Fault.CLOCK_BEHIND, () -> env.databaseAhead = anyJump().negated());
    }
  }

  private void setDatabaseClockAhead() {
    count(Fault.CLOCK_AHEAD, () -> env.databaseAhead = anyJump());
  }

  private Duration anyJump() {
    return Duration.ofMinutes(env.random.nextInt(10, 120));
  }

  /** If it was behind, the operators pause until no hold that was written then can be over. */
  private void correctDatabaseClock() {
    env.databaseAhead = Duration.ZERO;
    heartbeats();
    env.pass(SimEnvironment.CLOCK_SETTLES);
    heartbeats();
  }

  private void heartbeats() {
    for (int i = 0; i < operators.length; i++) {
      unlessKilled(i, operators[i]::heartbeat);
    }
  }

  /**
   * The database is restored while nothing is under way: every operator has seen how the run ended.
   */
  private void loseRow() {
    env.any(
            StreamSupport.stream(env.ledger.allRuns().spliterator(), false)
                .filter(run -> run.state().isFinal() && !ScheduleActions.isOfTick(run.key()))
                .map(Run::key)
                .filter(this::everyoneSeesTheEnd)
                .toList())
        .ifPresent(
            key -> {
              clients.dropRequestsInFlight();
              env.clusters().forEach(c -> c.removeAllOf(key)); // as the procedure says
              count(Fault.ROW_LOST, () -> env.ledger.loseRow(key, env.oneIn(2)));
              env.invariants.rowLost(key);
            });
  }

  private boolean everyoneSeesTheEnd(RunKey key) {
    Run run = env.ledger.run(key);
    return env.clusters().stream().anyMatch(c -> c.runs.containsKey(key))
        && env.clusters().stream()
            .flatMap(c -> Stream.ofNullable(c.runs.get(key)))
            .allMatch(o -> o.outcome().isPresent() && o.asksFor(run.definition().requestSha()))
        && Arrays.stream(operators)
            .allMatch(
                o -> o.kube.run(key, Freshness.CACHED).equals(o.kube.run(key, Freshness.LIVE)));
  }

  private void recreateNamespace(SimCluster c) {
    c.recreateNamespace();
    env.schedules.namespaceRecreated(c);
  }

  /** With the cluster its operators are gone, too. */
  private void rebuild(SimCluster c) {
    c.rebuild();
    for (int i = 0; i < operators.length; i++) {
      if (operators[i].cluster == c) {
        operators[i].kill();
        start(i);
      }
    }
  }

  private void count(Fault fault, Runnable what) {
    env.counts.count(fault);
    what.run();
  }
}
