/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.sim;

import static io.luigioperator.sim.Invariants.require;

import io.luigioperator.api.DesiredState;
import io.luigioperator.run.RunObject;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * A story in which nothing goes wrong. What is ready to be done is done in random order; when
 * nothing is, the time jumps to the next moment for which somebody has set an alarm. Either nobody
 * sweeps, and then every signal, event and timer must do, or it is the calm after a storm, and then
 * the sweeps must find what was left behind.
 */
final class CalmScenario implements Scenario {

  private static final Duration SWEEP = Duration.ofSeconds(30);
  private static final Duration SHORT = Duration.ofMillis(20);
  private static final Duration LONG = Duration.ofSeconds(10);

  /** Far more than any story has taken: retries of runs that are unlucky, with their backoff. */
  private static final Duration LONGEST = Duration.ofHours(12);

  /** Far more than any story has needed. */
  private static final int MOST_STEPS = 20_000;

  private record Plan(Instant when, Runnable what) {}

  private final SimEnvironment world;
  private final UserActions people;
  private final List<SimOperator> leaders;
  private final boolean sweeps;
  private final PriorityQueue<Plan> plans = new PriorityQueue<>(Comparator.comparing(Plan::when));
  private final Map<String, Instant> nextMove = new HashMap<>();
  private final Map<SimOperator, Instant> nextSweep = new HashMap<>();
  private final Instant begin;
  private int steps;

  private CalmScenario(
      SimEnvironment world, UserActions people, List<SimOperator> leaders, boolean sweeps) {
    this.world = world;
    this.people = people;
    this.leaders = leaders;
    this.sweeps = sweeps;
    this.begin = world.now();
  }

  /** From the beginning, with one operator and without a sweep. */
  static CalmScenario undisturbed(long seed, Mutant mutant) {
    SimEnvironment world = new SimEnvironment(seed, mutant, 1);
    FaultyClients clients = new FaultyClients(world, () -> {});
    clients.calm();
    SimOperator leader = new SimOperator(world, world.main, clients, false);
    leader.heartbeat();
    CalmScenario peace = new CalmScenario(world, new UserActions(world), List.of(leader), false);
    for (int i = 0; i < UserActions.RUNS; i++) {
      peace.planRun(i);
    }
    return peace;
  }

  /** What a storm has left must come to its end. */
  static CalmScenario after(SimEnvironment world, UserActions people, List<SimOperator> leaders) {
    CalmScenario peace = new CalmScenario(world, people, leaders, true);
    leaders.forEach(l -> peace.nextSweep.put(l, world.now()));
    return peace;
  }

  @Override
  public FaultCounts tally() {
    return world.tally;
  }

  private Duration took() {
    return Duration.between(begin, world.now());
  }

  // ---- what people will do

  private void planRun(int i) {
    Instant created = plan(begin, () -> people.create(i));
    switch (world.random.nextInt(8)) {
      case 0 -> {
        Instant held = plan(created, () -> withObject(i, this::hold));
        plan(held, () -> withObject(i, this::letGo));
      }
      case 1 -> plan(created, () -> withObject(i, this::cancel));
      case 2 -> plan(created, () -> withObject(i, o -> people.delete(o, world.main)));
      default -> {}
    }
  }

  private Instant plan(Instant after, Runnable what) {
    Instant when = after.plusMillis(world.random.nextInt(600_000));
    plans.add(new Plan(when, what));
    return when;
  }

  private void withObject(int i, Consumer<RunObject> what) {
    RunObject object = world.main.runs.get(UserActions.key(i));
    if (object != null) {
      what.accept(object);
    }
  }

  private void hold(RunObject o) {
    people.wish(o, world.main, DesiredState.Held);
  }

  private void letGo(RunObject o) {
    people.wish(o, world.main, DesiredState.Running);
  }

  private void cancel(RunObject o) {
    people.wish(o, world.main, DesiredState.Canceled);
  }

  // ---- how it goes

  @Override
  public void play() {
    goOnUntil(this::isOver);
    if (sweeps) {
      // an object in a cluster that had no part in its run says the end at its next look
      Instant told = world.now().plus(SimOperator.LONGEST_REST);
      goOnUntil(() -> isPast(told) && isOver());
    }
    world.invariants.checkEnd();
    leaders.forEach(l -> new QuiescenceCheck(world, l).nothingLeftUnsaid());
    world
        .invariants
        .outcomes()
        .values()
        .forEach(s -> world.tally.outcomes.merge(s, 1, Integer::sum));
    if (sweeps) {
      cleanUp();
    }
  }

  private void goOnUntil(BooleanSupplier over) {
    while (true) {
      List<Runnable> ready = ready();
      if (!ready.isEmpty()) {
        ready.get(world.random.nextInt(ready.size())).run();
        world.pass(SHORT.dividedBy(1 + world.random.nextInt(20)));
      } else if (over.getAsBoolean()) {
        return;
      } else {
        if (!sweeps) {
          leaders.forEach(l -> new QuiescenceCheck(world, l).nothingLeftUndone());
        }
        world.passUntil(nextAlarm());
      }
      world.invariants.check();
      steps++;
      require(steps < MOST_STEPS, () -> "I10: no end of looking");
      require(
          took().compareTo(LONGEST) < 0,
          () -> "I11: not ended after " + took() + ": " + world.ledger.unfinished());
    }
  }

  /** Long after: what is kept for a while is kept no longer, and nothing stumbles over that. */
  private void cleanUp() {
    sweepAfter(Duration.ofHours(25));
    world.invariants.checkNoJobIsLeft();
    sweepAfter(Duration.ofDays(401));
    world.invariants.checkNoAttemptIsLeft();
    leaders.forEach(l -> new QuiescenceCheck(world, l).nothingLeftUndone());
  }

  private void sweepAfter(Duration time) {
    world.pass(time);
    for (int i = 0; i < 3; i++) {
      leaders.forEach(SimOperator::sweep);
      settle();
    }
  }

  private void settle() {
    while (world.clusters().stream().anyMatch(this::isRestless)) {
      world.clusters().forEach(c -> world.controllers.get(c.name).act());
      world.pass(LONG);
    }
    leaders.forEach(
        l -> {
          while (l.kube.isBehind()) {
            l.hear(0);
          }
          for (List<Runnable> ready = l.ready(); !ready.isEmpty(); ready = l.ready()) {
            ready.getFirst().run();
          }
        });
  }

  private List<Runnable> ready() {
    List<Runnable> ready = new ArrayList<>();
    leaders.forEach(l -> addReady(l, ready));
    for (SimCluster c : world.clusters()) {
      if (isPast(nextMove.getOrDefault(c.name, Instant.MAX))) {
        ready.add(
            () -> {
              nextMove.remove(c.name);
              world.controllers.get(c.name).act();
            });
      }
    }
    if (!plans.isEmpty() && isPast(plans.peek().when())) {
      ready.add(() -> plans.remove().what().run());
    }
    return ready;
  }

  private void addReady(SimOperator l, List<Runnable> ready) {
    if (l.kube.isBehind()) {
      ready.add(() -> l.hear(0));
    }
    ready.addAll(l.ready());
    if (sweeps && isPast(nextSweep.get(l))) {
      ready.add(
          () -> {
            nextSweep.put(l, world.now().plus(SWEEP));
            l.sweep();
          });
    }
  }

  private boolean isPast(Instant when) {
    return !when.isAfter(world.now());
  }

  /** When the next one has something to do. */
  private Instant nextAlarm() {
    for (SimCluster c : world.clusters()) {
      if (!nextMove.containsKey(c.name) && isRestless(c)) {
        SimControllers controllers = world.controllers.get(c.name);
        nextMove.put(
            c.name,
            controllers.canAct()
                ? world.now().plus(Duration.ofMillis(world.random.nextLong(LONG.toMillis())))
                : controllers.nextDeath().orElseThrow());
      }
    }
    return Stream.of(
            nextMove.values().stream(),
            plans.stream().map(Plan::when),
            nextSweep.values().stream(),
            leaders.stream().flatMap(SimOperator::alarms))
        .flatMap(s -> s)
        .min(Comparator.naturalOrder())
        .orElseThrow(
            () -> new AssertionError("I11: nobody will look again: " + world.ledger.unfinished()));
  }

  private boolean isRestless(SimCluster c) {
    SimControllers controllers = world.controllers.get(c.name);
    return controllers.canAct() || controllers.nextDeath().isPresent();
  }

  /** Nobody has anything to do any more, except to keep what is kept for a while. */
  private boolean isOver() {
    return plans.isEmpty()
        && world.invariants.allEnded()
        && world.clusters().stream()
            .allMatch(
                c ->
                    !isRestless(c)
                        && c.runs.values().stream()
                            .allMatch(
                                o ->
                                    world.ledger.run(o.key()) != null
                                        && o.spec().ttlSecondsAfterFinished() == null));
  }
}
