/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.sim;

import io.luigioperator.OperatorFixture;
import io.luigioperator.admission.AdmissionLoop;
import io.luigioperator.api.PipelineRunStatus;
import io.luigioperator.job.Kube;
import io.luigioperator.ledger.BackfillLedger.Answer;
import io.luigioperator.ledger.BackfillLedger.Backfill;
import io.luigioperator.ledger.BackfillLedger.Step;
import io.luigioperator.ledger.Ledger;
import io.luigioperator.reconcile.RunReconciler;
import io.luigioperator.reconcile.ScheduleLimits;
import io.luigioperator.reconcile.Signal;
import io.luigioperator.reconcile.TickLoop;
import io.luigioperator.run.Limits;
import io.luigioperator.run.RunObject;
import io.luigioperator.run.ScheduleKey;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;

/**
 * Detects lost wake-ups. When an operator has received all events and has only timers left, a
 * read-only copy of it decides about every run: whatever the copy would do now, the operator would
 * not do before a sweep.
 */
final class QuiescenceCheck {

  private static final Set<String> READS =
      Set.of(
          // of the ledger
          "now",
          "load",
          "liveAttempts",
          "openHeads",
          "owned",
          "limited",
          "loadBackfills",
          "clients",
          "firedDates",
          "newestRuns",
          "endedRuns",
          // of the API server
          "run",
          "schedule",
          "scheduleExists",
          "schedulesServedSince",
          "createdRuns",
          "attempt",
          "node",
          "podsWithoutNode",
          "lastWarning",
          "podsWithToken",
          "namespace",
          "crdEstablished",
          "dryRun");

  private final SimEnvironment env;
  private final SimOperator operator;

  QuiescenceCheck(SimEnvironment env, SimOperator operator) {
    this.env = env;
    this.operator = operator;
  }

  /**
   * No effect, no claim and no cron time is due. A status is not compared: time alone may change
   * it.
   */
  void requireNothingPending() {
    reconcileAll(Set.of("writeStatus", "warn"));
    Ledger ledger = ledger(Set.of());
    new AdmissionLoop(
            ledger,
            kube(Set.of()),
            operator.cluster.registeredAs().value(),
            env.capacity(operator.cluster.name),
            () -> "no token",
            Runnable::run,
            claimed -> {},
            run -> {})
        .pass();
    ScheduleLimits limits = new ScheduleLimits(ledger, new Signal(), () -> {});
    limits.leadershipBegins();
    limits.pass();
    TickLoop ticks =
        new TickLoop(
            ledger,
            kube(Set.of()),
            operator.cluster.registeredAs().value(),
            false,
            new Signal(),
            limits,
            () -> {},
            run -> {},
            SimOperator.METRICS);
    ticks.leadershipBegins();
    operator.cluster.schedules.keySet().forEach(ticks::changed);
    ticks.pass();
  }

  /**
   * In addition every PipelineRun has the phase of its run. The message may differ, if the object
   * was recorded late.
   */
  void requireStatusesWritten() {
    reconcileAll(Set.of("warn"));
  }

  private void reconcileAll(Set<String> ignored) {
    Ledger ledger = ledger(ignored);
    RunReconciler runReconciler =
        new RunReconciler(
            ledger,
            kube(ignored),
            operator.cluster.registeredAs().value(),
            Limits.DEFAULT,
            env::now,
            env::nanoTime,
            OperatorFixture.NO_WAKEUPS,
            new ScheduleLimits(ledger, new Signal(), () -> {}));
    env.ledger.allRuns().forEach(run -> runReconciler.reconcile(run.key()));
    List.copyOf(operator.cluster.runs.keySet()).forEach(run -> runReconciler.reconcile(run));
  }

  private Ledger ledger(Set<String> ignored) {
    return LedgerProxy.of(env.ledger, (role, method, args) -> called(role, method, args, ignored));
  }

  private Kube kube(Set<String> ignored) {
    return (Kube)
        Proxy.newProxyInstance(
            Kube.class.getClassLoader(),
            new Class<?>[] {Kube.class},
            (proxy, method, args) -> called(operator.kube, method, args, ignored));
  }

  private Object called(Object target, Method method, Object[] args, Set<String> ignored)
      throws Throwable {
    if (ignored.contains(method.getName())
        || method.getName().equals("writeStatus")
            && hasSameState((RunObject) args[0], (PipelineRunStatus) args[1])) {
      return method.getReturnType() == boolean.class ? true : null;
    }
    if (target instanceof SimSchedules schedules && stays(schedules, method, args)) {
      return method.getName().equals("own")
          ? schedules.owner((ScheduleKey) args[0]).orElseThrow()
          : null;
    }
    if (target instanceof SimBackfills backfills
        && args != null
        && args.length == 3
        && args[2] instanceof Step step) {
      Optional<Answer> unchanged = counted(backfills, (ScheduleKey) args[0], step);
      if (unchanged.isPresent()) {
        return unchanged.get();
      }
    }
    if (!READS.contains(method.getName())) {
      throw new AssertionError("lost wake-up: " + method.getName() + Arrays.toString(args));
    }
    return LedgerProxy.invoke(target, method, args);
  }

  /**
   * Whether the row of the schedule need not change: it has an owner, or the limit that one of the
   * clusters wants. That of a cluster in which it was deleted remains.
   */
  private boolean stays(SimSchedules schedules, Method method, Object[] args) {
    return switch (method.getName()) {
      case "own" -> schedules.owner((ScheduleKey) args[0]).isPresent();
      case "limit" -> mayHaveLimit((ScheduleKey) args[0], schedules.maxRuns((ScheduleKey) args[0]));
      default -> false;
    };
  }

  private boolean mayHaveLimit(ScheduleKey schedule, Optional<Integer> maxRuns) {
    return env.clusters().stream()
        .anyMatch(
            c ->
                Optional.ofNullable(c.schedules.get(schedule))
                    .map(s -> Optional.ofNullable(s.spec().maxConcurrentRuns()).equals(maxRuns))
                    .orElseGet(() -> env.schedules.wasDeletedIn(c.name)));
  }

  /** The answer to a step that only counts, if no run has ended since the last one. */
  private Optional<Answer> counted(SimBackfills backfills, ScheduleKey schedule, Step step) {
    Backfill row =
        backfills.all(schedule).stream()
            .filter(b -> b.name().equals(step.name()))
            .findFirst()
            .orElseThrow();
    boolean ended =
        backfills.openRunsOfBackfill(schedule, step.name()).stream()
            .anyMatch(run -> env.ledger.run(run).state().isFinal());
    return step.equals(Step.count(row)) && !ended
        ? Optional.of(new Answer.Advanced(row, 0))
        : Optional.empty();
  }

  private static boolean hasSameState(RunObject object, PipelineRunStatus due) {
    return object
        .status()
        .filter(status -> Objects.equals(status.phase(), due.phase()))
        .filter(status -> Objects.equals(status.observedGeneration(), due.observedGeneration()))
        .isPresent();
  }
}
