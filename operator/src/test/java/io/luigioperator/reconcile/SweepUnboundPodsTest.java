/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.OperatorFixture;
import io.luigioperator.run.Abandonment;
import io.luigioperator.run.Abandonment.BudgetCharge;
import io.luigioperator.run.Verdict;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What a sweep does about pods that no live attempt is bound to, and what it must not. */
class SweepUnboundPodsTest {
  private final OperatorFixture scene = new OperatorFixture();
  private final Sweep sweep = scene.sweep(run -> {});

  /** The attempts are another cluster's, so that nothing but the sweep acts on them. */
  @BeforeEach
  void accept() {
    scene.ledger.clusters().heartbeat("there", "alive");
    scene.accepted("a");
  }

  private OperatorFixture abandoned() {
    scene.claimedBy("there", "a");
    scene
        .ledger
        .attempts()
        .abandon(
            scene.attempt("a").ref(),
            new Abandonment("x", "", BudgetCharge.NONE),
            OperatorFixture.POLICY)
        .orElseThrow();
    return scene;
  }

  @Test
  void aPodWhoseAttemptEndedAfterTheListWasMadeIsNoAlarm() {
    scene.boundBy("there", "a").opened("a");
    scene.kube.oncePodsAreListed =
        () -> scene.terminal("a", Verdict.SUCCEEDED).finished("a", Verdict.SUCCEEDED);

    Sweep.Report report = sweep.pass();

    assertThat(scene.standing("a")).isEqualTo("SUCCEEDED Completed");
    assertThat(scene.kube.changes).isEmpty();
    assertThat(report.unboundOpenPods()).isZero();
    assertThat(report.blocked()).isEmpty();
  }

  @Test
  void theGatedPodOfAJobThatTheCacheDoesNotShowStays() {
    scene.claimedBy("there", "a").pod("pod-a", "a");
    assertThat(scene.kube.cachedJobs()).isEmpty();

    assertThat(sweep.pass().orphanedPods()).isZero();
    assertThat(scene.kube.changes).isEmpty();
  }

  @Test
  void aPodThatSomebodyOpenedIsStoppedAndItsKeyWaitsForItsEnd() {
    abandoned().pod("pod-a", "a").opened("a");

    Sweep.Report report = sweep.pass();
    assertThat(scene.kube.changes).containsExactly("delete pod pod-a");
    assertThat(report.unboundOpenPods()).isEqualTo(1);
    assertThat(report.blocked()).containsExactly(scene.run("a").admitKey());

    scene.terminating("a");
    report = sweep.pass();
    assertThat(scene.kube.changes).as("told and stopped once").containsExactly("delete pod pod-a");
    assertThat(report.blocked()).containsExactly(scene.run("a").admitKey());

    scene.kube.pods.clear();
    assertThat(sweep.pass().blocked()).isEmpty();
  }

  @Test
  void onePodThatMayNotBeDeletedKeepsNoOtherFromBeingSwept() {
    abandoned().pod("first", "a").pod("second", "a");
    scene.kube.undeletable.add("first");

    assertThat(sweep.pass().orphanedPods()).isEqualTo(1);
    assertThat(scene.kube.changes).containsExactly("delete pod second");
  }
}
