/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.sim;

import io.luigioperator.job.KubeUnavailable;
import io.luigioperator.ledger.LedgerUnavailable;
import io.luigioperator.run.ObservedAttempt.ObservedPod;
import java.time.Duration;
import java.util.List;

/**
 * A story in which everything goes wrong that can: three operators, two of them for the same
 * cluster, a few runs, and after 500 steps a calm in which all must end.
 */
final class FaultScenario implements Scenario {

  private static final int STEPS = 500;

  private final SimEnvironment world;
  private final UserActions people;
  private final FaultyClients clients;

  /** The last one leads the other cluster. */
  private final SimOperator[] leaders = new SimOperator[3];

  FaultScenario(long seed, Mutant mutant) {
    this.world = new SimEnvironment(seed, mutant, leaders.length - 1);
    this.people = new UserActions(world);
    this.clients = new FaultyClients(world, this::step);
    for (int i = 0; i < leaders.length; i++) {
      boot(i);
    }
  }

  @Override
  public FaultCounts tally() {
    return world.tally;
  }

  @Override
  public void play() {
    for (int i = 0; i < UserActions.RUNS; i++) {
      people.create(i);
    }
    for (int i = 0; i < STEPS; i++) {
      step();
    }
    clients.calm();
    world.controllers.values().forEach(SimControllers::heal);
    people.finishDeletions();
    people.letGo();
    CalmScenario.after(world, people, List.of(leaders[0], leaders[2])).play();
  }

  private void boot(int i) {
    leaders[i] =
        new SimOperator(world, i < leaders.length - 1 ? world.main : world.other, clients, true);
  }

  private void step() {
    world.pass(
        world.oneIn(40) ? Duration.ofSeconds(60) : Duration.ofMillis(world.random.nextInt(1500)));
    int i = world.random.nextInt(leaders.length);
    if (!leaders[i].hasName() || world.oneIn(5)) {
      attempt(i, leaders[i]::heartbeat);
    }
    SimControllers controllers = world.controllers.get(leaders[i].cluster.name);
    switch (world.random.nextInt(17)) {
      case 0, 1, 2, 3 -> operate(i);
      case 4, 5, 6 -> controllers.act();
      case 7 ->
          controllers
              .jobWithOnePod()
              .ifPresent(j -> count(Fault.SECOND_POD, () -> controllers.makePod(j)));
      case 8, 9, 10, 11, 12, 13, 14 -> leaders[i].hear(10);
      case 15 -> clients.deliver();
      default -> befall(leaders[i].cluster);
    }
    world.invariants.check();
  }

  private void operate(int i) {
    SimOperator leader = leaders[i];
    if (leader.hasName()) {
      attempt(
          i,
          switch (world.random.nextInt(10)) {
            case 0 -> leader::sweep;
            case 1 -> () -> leader.drive(people.anyRun());
            default -> world.any(leader.ready()).orElse(() -> {});
          });
    }
  }

  private void attempt(int i, Runnable what) {
    SimOperator leader = leaders[i];
    try {
      what.run();
    } catch (FaultyClients.Crash e) {
      if (leaders[i] == leader) {
        leader.kill();
        boot(i);
      }
    } catch (LedgerUnavailable | KubeUnavailable e) {
      // the loops come round again
    }
  }

  // ---- what befalls a cluster

  private void befall(SimCluster c) {
    SimControllers controllers = world.controllers.get(c.name);
    List<ObservedPod> alive = c.pods.values().stream().filter(p -> !p.terminal()).toList();
    switch (world.random.nextInt(18)) {
      case 0 ->
          world.any(alive).ifPresent(p -> count(Fault.POD_DELETED, () -> c.deletePod(p.uid())));
      case 1, 2 ->
          world
              .any(alive.stream().filter(p -> p.node().isPresent()).toList())
              .ifPresent(p -> count(Fault.POD_TORN_AWAY, () -> controllers.tearAway(p)));
      case 3 ->
          world
              .any(List.copyOf(c.jobs.keySet()))
              .ifPresent(uid -> count(Fault.JOB_DELETED, () -> c.deleteJob(uid)));
      case 4, 5 -> people.changeTheirMinds();
      case 6 ->
          world
              .any(c.nodeNames)
              .ifPresent(n -> count(Fault.NODE_LOST, () -> controllers.silence(n)));
      case 7 ->
          world
              .any(c.jobs.values().stream().filter(j -> !j.token().isEmpty()).toList())
              .ifPresent(
                  j ->
                      clients.deliverLater(
                          () -> count(Fault.LATE_POD, () -> controllers.makePod(j))));
      case 8, 9 ->
          world
              .any(
                  alive.stream()
                      .filter(p -> !p.gated() && p.startedAt().isEmpty() && !p.terminating())
                      .toList())
              .ifPresent(p -> count(Fault.POD_TROUBLED, () -> controllers.startFailure(p)));
      case 10 -> refuse(c);
      case 11 -> seldom(c);
      case 12 -> people.finishDeletions();
      default -> controllers.heal();
    }
  }

  private void refuse(SimCluster c) {
    Fault refusal =
        world
            .any(
                List.of(
                    Fault.OBJECTS_REFUSED,
                    Fault.JOBS_REFUSED,
                    Fault.PODS_REFUSED,
                    Fault.TEMPLATES_REFUSED,
                    Fault.NAMESPACE_TERMINATING))
            .orElseThrow();
    count(refusal, () -> c.refusing.add(refusal));
  }

  private void seldom(SimCluster c) {
    if (world.oneIn(8)) {
      count(Fault.CLUSTER_REBUILT, () -> rebuild(c));
    } else {
      String next = people.anyRun().name() + "-a" + world.random.nextInt(1, 4);
      if (c.job(people.anyRun().namespace(), next).isEmpty()) {
        count(Fault.NAME_TAKEN, () -> c.putJob(people.anyRun().namespace(), next, ""));
      }
    }
  }

  /** Its operators went with it. */
  private void rebuild(SimCluster c) {
    c.rebuild();
    for (int i = 0; i < leaders.length; i++) {
      if (leaders[i].cluster == c) {
        leaders[i].kill();
        boot(i);
      }
    }
  }

  private void count(Fault fault, Runnable what) {
    world.tally.count(fault);
    what.run();
  }
}
