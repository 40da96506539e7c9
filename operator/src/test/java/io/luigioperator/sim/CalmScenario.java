/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.sim;

import static io.luigioperator.sim.Invariants.require;

import io.luigioperator.api.DesiredState;
import io.luigioperator.api.Phase;
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
 * A scenario without faults. Pending actions run in random order; when there are none, the time
 * jumps to the next timer. On its own it runs without sweeps, so that every signal, event and timer
 * must do its work. After a {@link FaultScenario} it runs with sweeps, which must find what the
 * faults left behind.
 */
final class CalmScenario implements Scenario {

  private static final Duration SWEEP_PERIOD = Duration.ofSeconds(30);
  private static final Duration RESOLUTION_PERIOD = Duration.ofMinutes(20);
  private static final Duration HEALTH_SHOWN_AFTER = Duration.ofMinutes(16);
  private static final Duration MAX_STEP_TIME = Duration.ofMillis(20);
  private static final Duration MAX_CONTROLLER_DELAY = Duration.ofSeconds(10);

  /** Far more than any scenario needs, with all retries and their backoff. */
  private static final Duration MAX_DURATION = Duration.ofHours(12);

  /** Far more than any scenario needs. */
  private static final int MAX_STEPS = 20_000;

  private record PlannedAction(Instant when, Runnable what) {}

  private final SimEnvironment env;
  private final UserActions users;
  private final List<SimOperator> operators;
  private final boolean sweeps;
  private final PriorityQueue<PlannedAction> plannedActions =
      new PriorityQueue<>(Comparator.comparing(PlannedAction::when));
  private final Map<String, Instant> nextControllerAction = new HashMap<>();
  private final Map<SimOperator, Instant> nextSweep = new HashMap<>();
  private final Instant begin;
  private Instant nextResolution;
  private int steps;

  private CalmScenario(
      SimEnvironment env, UserActions users, List<SimOperator> operators, boolean sweeps) {
    this.env = env;
    this.users = users;
    this.operators = operators;
    this.sweeps = sweeps;
    this.begin = env.now();
    this.nextResolution = begin;
  }

  /** From the start, with one operator and without a sweep. */
  static CalmScenario withoutFaults(long seed, Mutant mutant) {
    SimEnvironment env = new SimEnvironment(seed, mutant, 1);
    FaultyClients clients = new FaultyClients(env, () -> {});
    clients.stopFaults();
    SimOperator operator =
        new SimOperator(
            env, env.main, clients, false, env.main.registeredAs(), env.newDatabaseClock());
    operator.heartbeat();
    CalmScenario scenario = new CalmScenario(env, new UserActions(env), List.of(operator), false);
    for (int i = 0; i < UserActions.RUNS; i++) {
      scenario.planActionsOnRun(i);
    }
    if (env.schedules.isUsed()) {
      scenario.planActionsOnSchedule();
    }
    return scenario;
  }

  /** From the state that a {@link FaultScenario} has left. */
  static CalmScenario after(SimEnvironment env, UserActions users, List<SimOperator> operators) {
    CalmScenario scenario = new CalmScenario(env, users, operators, true);
    operators.forEach(operator -> scenario.nextSweep.put(operator, env.now()));
    return scenario;
  }

  @Override
  public FaultCounts counts() {
    return env.counts;
  }

  private Duration duration() {
    return Duration.between(begin, env.now());
  }

  // ---- what users do, and when

  private void planActionsOnRun(int i) {
    Instant created = plan(begin, () -> users.create(i));
    switch (env.random.nextInt(8)) {
      case 0 -> {
        Instant held = plan(created, () -> withObject(i, this::hold));
        plan(held, () -> withObject(i, this::release));
      }
      case 1 -> plan(created, () -> withObject(i, this::cancel));
      case 2 -> plan(created, () -> withObject(i, o -> users.delete(o, env.main)));
      default -> {}
    }
  }

  private void planActionsOnSchedule() {
    Instant when = plan(begin, () -> env.schedules.create(env.main));
    for (int i = env.random.nextInt(4); i > 0; i--) {
      when = plan(when, () -> env.schedules.changeSomething(env.main));
    }
    plan(
        when.plus(Duration.ofMinutes(10)),
        () -> {
          users.resolveHolds();
          env.schedules.deleteStuckRuns();
        });
  }

  private Instant plan(Instant after, Runnable what) {
    Instant when = after.plusMillis(env.random.nextInt(600_000));
    plannedActions.add(new PlannedAction(when, what));
    return when;
  }

  private void withObject(int i, Consumer<RunObject> what) {
    RunObject object = env.main.runs.get(UserActions.key(i));
    if (object != null) {
      what.accept(object);
    }
  }

  private void hold(RunObject o) {
    users.setDesired(o, env.main, DesiredState.Held);
  }

  private void release(RunObject o) {
    users.setDesired(o, env.main, DesiredState.Running);
  }

  private void cancel(RunObject o) {
    users.setDesired(o, env.main, DesiredState.Canceled);
  }

  // ---- the scenario

  @Override
  public void run() {
    runUntil(this::isQuiescent);
    if (sweeps) {
      // the status of an object in a cluster without an attempt of the run is written at its resync
      Instant allResynced = env.now().plus(SimOperator.RESYNC_PERIOD);
      runUntil(() -> isPast(allResynced) && isQuiescent());
    }
    env.invariants.checkEnd();
    operators.forEach(operator -> new QuiescenceCheck(env, operator).requireStatusesWritten());
    checkHealth();
    env.invariants.outcomes().values().forEach(s -> env.counts.outcomes.merge(s, 1, Integer::sum));
    if (sweeps) {
      cleanUp();
    }
  }

  /** At the latest a quarter of an hour later, also if the end of a run was not noticed. */
  private void checkHealth() {
    if (env.schedules.isUsed()) {
      env.pass(HEALTH_SHOWN_AFTER);
      settle();
      operators.forEach(operator -> operator.requireHealthOf(ScheduleActions.HOURLY));
    }
  }

  private void runUntil(BooleanSupplier done) {
    while (true) {
      if (sweeps && isPast(nextResolution)) { // a hold may begin long after the faults
        nextResolution = env.now().plus(RESOLUTION_PERIOD);
        users.resolveHolds();
        env.schedules.deleteStuckRuns();
      }
      List<Runnable> actions = pendingActions();
      if (!actions.isEmpty()) {
        actions.get(env.random.nextInt(actions.size())).run();
        env.pass(MAX_STEP_TIME.dividedBy(1 + env.random.nextInt(20)));
      } else if (done.getAsBoolean()) {
        return;
      } else {
        if (!sweeps) {
          operators.forEach(operator -> new QuiescenceCheck(env, operator).requireNothingPending());
        }
        env.passUntil(nextTimer());
      }
      env.invariants.check();
      steps++;
      require(steps < MAX_STEPS, () -> "I10: more than %d steps".formatted(MAX_STEPS));
      require(
          duration().compareTo(MAX_DURATION) < 0,
          () -> "I11: not ended after " + duration() + ": " + env.ledger.unfinished() + env.ticks);
    }
  }

  /** After all retention times: what was retained is removed, and that has no other effect. */
  private void cleanUp() {
    // the clock of the database may have been two hours ahead when a run ended
    sweepAfter(Duration.ofHours(27));
    env.invariants.checkNoJobIsLeft();
    sweepAfter(Duration.ofDays(401));
    env.invariants.checkNoAttemptIsLeft();
    operators.forEach(operator -> new QuiescenceCheck(env, operator).requireNothingPending());
  }

  private void sweepAfter(Duration time) {
    env.pass(time);
    for (int i = 0; i < 3; i++) {
      operators.forEach(SimOperator::sweep);
      settle();
    }
  }

  private void settle() {
    while (env.clusters().stream().anyMatch(this::hasPendingWork)) {
      env.clusters().forEach(c -> env.controllers.get(c.name).act());
      env.pass(MAX_CONTROLLER_DELAY);
    }
    operators.forEach(
        operator -> {
          while (operator.kube.hasPendingEvents()) {
            operator.deliverWatchEvent(0);
          }
          for (List<Runnable> actions = operator.pendingActions();
              !actions.isEmpty();
              actions = operator.pendingActions()) {
            actions.getFirst().run();
          }
        });
  }

  private List<Runnable> pendingActions() {
    List<Runnable> actions = new ArrayList<>();
    operators.forEach(operator -> addPendingActions(operator, actions));
    for (SimCluster c : env.clusters()) {
      if (isPast(nextControllerAction.getOrDefault(c.name, Instant.MAX))) {
        actions.add(
            () -> {
              nextControllerAction.remove(c.name);
              env.controllers.get(c.name).act();
            });
      }
    }
    if (!plannedActions.isEmpty() && isPast(plannedActions.peek().when())) {
      actions.add(() -> plannedActions.remove().what().run());
    }
    return actions;
  }

  private void addPendingActions(SimOperator operator, List<Runnable> actions) {
    if (operator.kube.hasPendingEvents()) {
      actions.add(() -> operator.deliverWatchEvent(0));
    }
    actions.addAll(operator.pendingActions());
    if (sweeps && isPast(nextSweep.get(operator))) {
      actions.add(
          () -> {
            nextSweep.put(operator, env.now().plus(SWEEP_PERIOD));
            operator.sweep();
          });
    }
  }

  private boolean isPast(Instant when) {
    return !when.isAfter(env.now());
  }

  /** The next time at which an operator, a controller or a user has something to do. */
  private Instant nextTimer() {
    for (SimCluster c : env.clusters()) {
      if (!nextControllerAction.containsKey(c.name) && hasPendingWork(c)) {
        SimControllers controllers = env.controllers.get(c.name);
        nextControllerAction.put(
            c.name,
            controllers.hasAction()
                ? env.now()
                    .plus(Duration.ofMillis(env.random.nextLong(MAX_CONTROLLER_DELAY.toMillis())))
                : controllers.nextProcessEnd().orElseThrow());
      }
    }
    return Stream.of(
            nextControllerAction.values().stream(),
            plannedActions.stream().map(PlannedAction::when),
            nextSweep.values().stream(),
            operators.stream().flatMap(SimOperator::timers))
        .flatMap(s -> s)
        .min(Comparator.naturalOrder())
        .orElseThrow(
            () ->
                new AssertionError(
                    "I11: no event or timer is left: " + env.ledger.unfinished() + env.ticks));
  }

  private boolean hasPendingWork(SimCluster c) {
    SimControllers controllers = env.controllers.get(c.name);
    return controllers.hasAction() || controllers.nextProcessEnd().isPresent();
  }

  /** Nothing is left to do except to remove objects after their retention time. */
  private boolean isQuiescent() {
    return plannedActions.isEmpty()
        // a cluster that was rebuilt waits until the old one is silent, also by a clock that jumped
        && operators.stream().allMatch(SimOperator::isRegistered)
        && env.ticks.isSettled(env.clusters())
        && env.invariants.allEnded()
        && env.clusters().stream()
            .allMatch(
                c ->
                    !hasPendingWork(c)
                        && c.runs.values().stream()
                            .allMatch(
                                o ->
                                    (env.ledger.run(o.key()) != null || isRejected(o))
                                        && !isDeletedSoon(o)));
  }

  private static boolean isDeletedSoon(RunObject o) {
    Integer seconds = o.spec().ttlSecondsAfterFinished();
    return seconds != null && seconds < MAX_DURATION.toSeconds();
  }

  /** A person would create another PipelineRun. */
  private static boolean isRejected(RunObject o) {
    return o.status().filter(s -> s.phase() == Phase.Rejected).isPresent();
  }
}
