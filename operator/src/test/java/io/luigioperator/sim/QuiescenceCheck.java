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
import io.luigioperator.ledger.AttemptLedger;
import io.luigioperator.ledger.ClusterLedger;
import io.luigioperator.ledger.Ledger;
import io.luigioperator.ledger.LedgerMaintenance;
import io.luigioperator.ledger.LedgerQueries;
import io.luigioperator.ledger.RunLedger;
import io.luigioperator.reconcile.RunReconciler;
import io.luigioperator.run.Limits;
import io.luigioperator.run.RunObject;
import java.lang.reflect.InvocationTargetException;
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
            door(Kube.class, leader.kube, Set.of()),
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
            door(Kube.class, leader.kube, ignored),
            leader.cluster.name,
            Limits.DEFAULT,
            world::now,
            world::nanoTime,
            OperatorFixture.NO_LOOPS);
    world.ledger.allRuns().forEach(run -> runReconciler.reconcile(run.key()));
    List.copyOf(leader.cluster.runs.keySet()).forEach(run -> runReconciler.reconcile(run));
  }

  private Ledger ledger(Set<String> ignored) {
    return new Ledger.Roles(
        door(ClusterLedger.class, world.ledger.clusters(), ignored),
        door(RunLedger.class, world.ledger.runs(), ignored),
        door(AttemptLedger.class, world.ledger.attempts(), ignored),
        door(LedgerMaintenance.class, world.ledger.maintenance(), ignored),
        door(LedgerQueries.class, world.ledger.queries(), ignored));
  }

  private <T> T door(Class<T> type, T target, Set<String> ignored) {
    return type.cast(
        Proxy.newProxyInstance(
            type.getClassLoader(),
            new Class<?>[] {type},
            (proxy, method, args) -> {
              if (ignored.contains(method.getName())
                  || method.getName().equals("writeStatus")
                      && says((RunObject) args[0], (PipelineRunStatus) args[1])) {
                return method.getReturnType() == boolean.class ? true : null;
              }
              if (!READS.contains(method.getName())) {
                throw new AssertionError(
                    "left undone: " + method.getName() + Arrays.toString(args));
              }
              try {
                return method.invoke(target, args);
              } catch (InvocationTargetException e) {
                throw e.getCause();
              }
            }));
  }

  private static boolean says(RunObject object, PipelineRunStatus due) {
    return object
        .status()
        .filter(said -> Objects.equals(said.phase(), due.phase()))
        .filter(said -> Objects.equals(said.observedGeneration(), due.observedGeneration()))
        .isPresent();
  }
}
