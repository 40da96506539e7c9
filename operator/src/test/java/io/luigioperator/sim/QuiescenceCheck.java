/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.sim;

import io.luigioperator.OperatorFixture;
import io.luigioperator.admission.AdmissionLoop;
import io.luigioperator.admission.Capacity;
import io.luigioperator.api.PipelineRunStatus;
import io.luigioperator.job.Kube;
import io.luigioperator.ledger.Ledger;
import io.luigioperator.reconcile.RunReconciler;
import io.luigioperator.run.Limits;
import io.luigioperator.run.RunObject;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Set;

/**
 * A look at everything by somebody who may do nothing, when an operator has heard of everything and
 * set its alarms: whatever he would do now, nobody was going to do.
 */
final class QuiescenceCheck {

  private static final Set<String> READS =
      Set.of(
          // of the ledger
          "now",
          "load",
          "liveAttempts",
          "openHeads",
          // of the API server
          "run",
          "schedule",
          "attempt",
          "node",
          "crowded",
          "namespace",
          "crdEstablished",
          "dryRun");

  private final SimEnvironment world;
  private final SimOperator leader;

  QuiescenceCheck(SimEnvironment world, SimOperator leader) {
    this.world = world;
    this.leader = leader;
  }

  /** No effect and no claim is due. What a status says may change with time alone. */
  void nothingLeftUndone() {
    look(Set.of("writeStatus", "warn"));
    Ledger ledger = ledger(Set.of());
    new AdmissionLoop(
            ledger,
            kube(Set.of()),
            leader.cluster.name,
            new Capacity(world.slots.get(leader.cluster.name)),
            () -> "no token",
            Runnable::run,
            claimed -> {})
        .pass();
  }

  /**
   * And every object says how its run stands; the words may differ, of an object that was put on
   * record late.
   */
  void nothingLeftUnsaid() {
    look(Set.of("warn"));
  }

  private void look(Set<String> ignored) {
    RunReconciler runReconciler =
        new RunReconciler(
            ledger(ignored),
            kube(ignored),
            leader.cluster.name,
            Limits.DEFAULT,
            world::now,
            world::nanoTime,
            OperatorFixture.NO_LOOPS);
    world.ledger.allRuns().forEach(run -> runReconciler.reconcile(run.key()));
    List.copyOf(leader.cluster.runs.keySet()).forEach(run -> runReconciler.reconcile(run));
  }

  private Ledger ledger(Set<String> ignored) {
    return LedgerProxy.of(
        world.ledger, (role, method, args) -> called(role, method, args, ignored));
  }

  private Kube kube(Set<String> ignored) {
    return (Kube)
        Proxy.newProxyInstance(
            Kube.class.getClassLoader(),
            new Class<?>[] {Kube.class},
            (proxy, method, args) -> called(leader.kube, method, args, ignored));
  }

  private static Object called(Object target, Method method, Object[] args, Set<String> ignored)
      throws Throwable {
    if (ignored.contains(method.getName())
        || method.getName().equals("writeStatus")
            && says((RunObject) args[0], (PipelineRunStatus) args[1])) {
      return method.getReturnType() == boolean.class ? true : null;
    }
    if (!READS.contains(method.getName())) {
      throw new AssertionError("left undone: " + method.getName() + Arrays.toString(args));
    }
    return LedgerProxy.invoke(target, method, args);
  }

  private static boolean says(RunObject object, PipelineRunStatus due) {
    return object
        .status()
        .filter(said -> Objects.equals(said.phase(), due.phase()))
        .filter(said -> Objects.equals(said.observedGeneration(), due.observedGeneration()))
        .isPresent();
  }
}
