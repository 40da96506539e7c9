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
  private final OperatorFixture fixture = new OperatorFixture();
  private final Sweep sweep = fixture.sweep(run -> {});

  /** The attempts are another cluster's, so that nothing but the sweep acts on them. */
  @BeforeEach
  void accept() {
    fixture.ledger.clusters().heartbeat("there", "alive");
    fixture.accepted("a");
  }

  private OperatorFixture abandoned() {
    fixture.claimedBy("there", "a");
    fixture
        .ledger
        .attempts()
        .abandon(
            fixture.attempt("a").ref(),
            new Abandonment("x", "", BudgetCharge.NONE),
            OperatorFixture.POLICY)
        .orElseThrow();
    return fixture;
  }

  @Test
  void aPodWhoseAttemptEndedAfterTheListWasMadeIsNoAlarm() {
    fixture.boundBy("there", "a").gateOpened("a");
    fixture.kube.oncePodsAreListed =
        () -> fixture.podTerminal("a", Verdict.SUCCEEDED).finished("a", Verdict.SUCCEEDED);

    Sweep.Result result = sweep.pass();

    assertThat(fixture.stateAndReason("a")).isEqualTo("SUCCEEDED Completed");
    assertThat(fixture.kube.changes).isEmpty();
    assertThat(result.unboundOpenPods()).isZero();
    assertThat(result.blocked()).isEmpty();
  }

  @Test
  void theGatedPodOfAJobThatTheCacheDoesNotShowStays() {
    fixture.claimedBy("there", "a").pod("pod-a", "a");
    assertThat(fixture.kube.cachedJobs()).isEmpty();

    assertThat(sweep.pass().orphanedPods()).isZero();
    assertThat(fixture.kube.changes).isEmpty();
  }

  @Test
  void aPodThatSomebodyOpenedIsStoppedAndItsKeyWaitsForItsEnd() {
    abandoned().pod("pod-a", "a").gateOpened("a");

    Sweep.Result result = sweep.pass();
    assertThat(fixture.kube.changes).containsExactly("delete pod pod-a");
    assertThat(result.unboundOpenPods()).isEqualTo(1);
    assertThat(result.blocked()).containsExactly(fixture.run("a").admitKey());

    fixture.podTerminating("a");
    result = sweep.pass();
    assertThat(fixture.kube.changes)
        .as("told and stopped once")
        .containsExactly("delete pod pod-a");
    assertThat(result.blocked()).containsExactly(fixture.run("a").admitKey());

    fixture.kube.pods.clear();
    assertThat(sweep.pass().blocked()).isEmpty();
  }

  @Test
  void onePodThatMayNotBeDeletedKeepsNoOtherFromBeingSwept() {
    abandoned().pod("first", "a").pod("second", "a");
    fixture.kube.undeletable.add("first");

    assertThat(sweep.pass().orphanedPods()).isEqualTo(1);
    assertThat(fixture.kube.changes).containsExactly("delete pod second");
  }
}
