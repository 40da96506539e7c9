/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.sim;

import io.luigioperator.api.DesiredState;
import io.luigioperator.api.MutexScope;
import io.luigioperator.api.MutexSpec;
import io.luigioperator.api.PipelineRunSpec;
import io.luigioperator.api.PipelineSpec;
import io.luigioperator.api.Priority;
import io.luigioperator.api.ScheduleRef;
import io.luigioperator.api.TaskRef;
import io.luigioperator.api.TimeoutsSpec;
import io.luigioperator.run.Reasons;
import io.luigioperator.run.RequestJson;
import io.luigioperator.run.Resolver;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunObject;
import io.luigioperator.run.RunState;
import io.luigioperator.run.ScheduleFixture;
import io.luigioperator.run.ScheduleObject;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/** What users do: they create ten runs, each with different settings, and change them later. */
final class UserActions {

  static final int RUNS = 10;
  private static final String NAMESPACE = "ns";
  private static final List<String> CLIENTS = List.of("acme", "globex", "acme", "initech");
  private static final PipelineSpec PIPELINE =
      PipelineSpec.ofDefaults("image:1", new TaskRef("m", "F"));
  private static final ScheduleObject NIGHTLY =
      ScheduleFixture.schedule(
          NAMESPACE,
          "nightly",
          1,
          ScheduleFixture.spec(PIPELINE, Priority.Low, List.of(ScheduleFixture.client(client(1)))));

  private final SimEnvironment env;

  UserActions(SimEnvironment env) {
    this.env = env;
    env.clusters().forEach(c -> c.schedules.put(NIGHTLY.key(), NIGHTLY));
  }

  static RunKey key(int i) {
    return new RunKey(NAMESPACE, "run-" + i);
  }

  RunKey anyRun() {
    return key(env.random.nextInt(RUNS));
  }

  private static String client(int i) {
    return CLIENTS.get(i % CLIENTS.size());
  }

  // ---- creating runs

  void create(int i) {
    PipelineRunSpec spec = specOf(i);
    env.main.createRun(key(i), spec, false);
    if (i == 6) {
      env.other.createRun(key(i), spec, false);
    }
  }

  private PipelineRunSpec specOf(int i) {
    boolean byReference = i == 1;
    return new PipelineRunSpec(
        byReference ? new ScheduleRef(NIGHTLY.name()) : null,
        byReference ? null : pipelineOf(i),
        client(i),
        "2013-01-15",
        List.of(),
        null,
        i == 3 ? Priority.High : null,
        DesiredState.Running,
        i == 7 ? env.now().plusSeconds(240) : null,
        i == 2 ? 60 : null,
        null,
        i == 8 ? 2 : null,
        i == 4 ? 600 : null);
  }

  private static PipelineSpec pipelineOf(int i) {
    return switch (i) {
      // with a short startSeconds
      case 0, 5 -> pipeline(null, new TimeoutsSpec(null, 30, null, null));
      // without a mutex
      case 9 -> pipeline(new MutexSpec(MutexScope.None, null), null);
      default -> PIPELINE;
    };
  }

  private static PipelineSpec pipeline(MutexSpec mutex, TimeoutsSpec timeouts) {
    return new PipelineSpec(
        PIPELINE.image(),
        PIPELINE.task(),
        null,
        null,
        null,
        null,
        null,
        mutex,
        null,
        timeouts,
        null,
        null,
        null,
        null,
        null,
        null,
        null,
        null,
        null);
  }

  // ---- changing and deleting them

  void changeSomething() {
    SimCluster where = env.oneIn(4) ? env.other : env.main;
    if (env.schedules.isUsed() && env.oneIn(3)) {
      env.schedules.changeSomething(where);
      return;
    }
    env.any(List.copyOf(where.runs.values())).ifPresent(o -> change(o, where));
  }

  private void change(RunObject o, SimCluster where) {
    switch (env.random.nextInt(10)) {
      case 0 -> delete(o, where);
      case 1 -> markDeleting(o, where);
      case 2 -> {
        delete(o, where);
        env.counts.count(Fault.RUN_RECREATED);
        where.createRun(o.key(), o.spec(), false);
      }
      case 3 -> {
        env.counts.count(Fault.RUN_CANCELED);
        setDesired(o, where, DesiredState.Canceled);
      }
      case 4, 5 -> {
        env.counts.count(Fault.RUN_HELD);
        setDesired(o, where, DesiredState.Held);
      }
      case 6, 7 -> {
        env.counts.count(Fault.RUN_CHANGED);
        Priority priority = env.oneIn(2) ? Priority.Critical : Priority.Low;
        Instant notBefore = env.oneIn(2) ? env.now().plusSeconds(60) : null;
        edit(o, where, o.spec().desiredState(), priority, notBefore, env.random.nextInt(1, 5));
      }
      default -> setDesired(o, where, DesiredState.Running);
    }
  }

  void delete(RunObject o, SimCluster where) {
    env.counts.count(Fault.RUN_DELETED);
    where.deleteRun(o.key(), o.uid());
  }

  /** A foreground deletion, or a finalizer of a user: the object is removed later. */
  private void markDeleting(RunObject o, SimCluster where) {
    env.counts.count(Fault.RUN_DELETED);
    where.runs.put(
        o.key(),
        new RunObject(
            o.key(),
            o.uid(),
            o.generation(),
            o.createdAt(),
            true,
            o.createdByOperator(),
            o.spec(),
            o.status()));
  }

  /** Removes the objects that are being deleted. */
  void finishDeletions() {
    for (SimCluster c : env.clusters()) {
      c.runs.values().removeIf(RunObject::deleting);
    }
  }

  void setDesired(RunObject o, SimCluster where, DesiredState desired) {
    PipelineRunSpec s = o.spec();
    edit(o, where, desired, s.priority(), s.notBeforeTime(), s.maxAttempts());
  }

  private static void edit(
      RunObject o,
      SimCluster where,
      DesiredState desired,
      Priority priority,
      Instant notBefore,
      Integer maxAttempts) {
    PipelineRunSpec s = o.spec();
    if (s.desiredState() == DesiredState.Canceled) {
      return; // a rule of the CRD forbids it
    }
    PipelineRunSpec edited =
        new PipelineRunSpec(
            s.scheduleRef(),
            s.pipeline(),
            s.client(),
            s.date(),
            s.parameters(),
            s.rerun(),
            priority,
            desired,
            notBefore,
            s.startDeadlineSeconds(),
            s.activeDeadlineSeconds(),
            maxAttempts,
            s.ttlSecondsAfterFinished());
    where.runs.put(
        o.key(),
        new RunObject(
            o.key(),
            o.uid(),
            o.generation() + 1,
            o.createdAt(),
            o.deleting(),
            o.createdByOperator(),
            edited,
            o.status()));
  }

  /** Ends every state that only a person can end. */
  void resolveHolds() {
    boolean rebuilt = env.clusters().stream().anyMatch(SimCluster::isRebuilt);
    boolean lost = rebuilt || env.clusters().stream().anyMatch(SimCluster::isRecreated);
    for (int i = 0; i < RUNS; i++) {
      if (lost && isUnderWay(key(i)) && !env.main.runs.containsKey(key(i))) {
        env.main.createRun(key(i), specOf(i), false); // their objects are kept in Git
      }
    }
    for (Run run : env.ledger.allRuns()) {
      if (ScheduleActions.isOfTick(run.key())
          && run.state() == RunState.HELD
          && !run.waitsForLimit()) {
        if (rebuilt) {
          applyRunOfTick(run); // its PipelineRun is lost with its cluster
        } else if (run.stateDetails().reason().equals(Reasons.MASS_DELETION)) {
          env.clusters().forEach(SimCluster::confirmDeletions); // it is in no file
        }
      }
    }
    for (SimCluster c : env.clusters()) {
      for (RunObject o : List.copyOf(c.runs.values())) {
        if (isHeldAsADefect(o.key())
            && o.asksFor(env.ledger.run(o.key()).definition().requestSha())) {
          setDesired(o, c, DesiredState.Canceled);
        } else if (isToBeHeld(o.key()) || o.spec().desiredState() == DesiredState.Held) {
          setDesired(o, c, DesiredState.Running);
        }
      }
    }
  }

  private void applyRunOfTick(Run run) {
    for (SimCluster c : env.clusters()) {
      Optional.ofNullable(c.runs.get(run.key()))
          .filter(o -> !o.asksFor(run.definition().requestSha()))
          .ifPresent(o -> c.deleteRun(o.key(), o.uid()));
    }
    env.main.createRun(
        run.key(), Resolver.currentSpec(run, RequestJson.read(run.definition().request())), false);
  }

  private boolean isUnderWay(RunKey key) {
    return row(key).filter(r -> !r.state().isFinal()).isPresent();
  }

  private boolean isToBeHeld(RunKey key) {
    return row(key).filter(r -> r.desired() == DesiredState.Held).isPresent();
  }

  private boolean isHeldAsADefect(RunKey key) {
    return row(key)
        .filter(r -> r.state() == RunState.HELD)
        .filter(r -> r.stateDetails().reason().equals(Reasons.INTERNAL_ERROR))
        .isPresent();
  }

  private Optional<Run> row(RunKey key) {
    return Optional.ofNullable(env.ledger.run(key));
  }
}
