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
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What a sweep does with pods that are not bound to a live attempt. */
class SweepUnboundPodsTest {
  private final OperatorFixture fixture = new OperatorFixture();
  private final Sweep sweep = fixture.sweep(run -> {});

  /** The attempts belong to another cluster, so that only the sweep acts on their pods. */
  @BeforeEach
  void accept() {
    fixture.registered(OperatorFixture.THERE);
    fixture.accepted("a");
  }

  private OperatorFixture abandoned() {
    fixture.claimedBy(OperatorFixture.THERE, "a");
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
  void aPodThatEndedAfterTheListIsNotReported() {
    fixture.boundBy(OperatorFixture.THERE, "a").gateOpened("a");
    fixture.kube.oncePodsAreListed =
        () -> fixture.podTerminal("a", Verdict.SUCCEEDED).finished("a", Verdict.SUCCEEDED);

    Sweep.Result result = sweep.pass();

    assertThat(fixture.stateAndReason("a")).isEqualTo("SUCCEEDED Completed");
    assertThat(fixture.kube.changes).isEmpty();
    assertThat(result.unboundOpenPods()).isZero();
    assertThat(result.blocked()).hasValue(Set.of());
  }

  @Test
  void aGatedPodOfAJobMissingInTheCacheIsKept() {
    fixture.claimedBy(OperatorFixture.THERE, "a").pod("pod-a", "a");
    assertThat(fixture.kube.cachedJobs()).isEmpty();

    assertThat(sweep.pass().orphanedPods()).isZero();
    assertThat(fixture.kube.changes).isEmpty();
  }

  @Test
  void anUnboundOpenPodIsDeletedAndItsKeyIsBlocked() {
    abandoned().pod("pod-a", "a").gateOpened("a");

    Sweep.Result result = sweep.pass();
    assertThat(fixture.kube.changes).containsExactly("delete pod pod-a");
    assertThat(result.unboundOpenPods()).isEqualTo(1);
    assertThat(result.blocked()).hasValue(Set.of(fixture.run("a").admitKey()));

    fixture.podTerminating("a");
    result = sweep.pass();
    assertThat(fixture.kube.changes)
        .as("deleted and logged once")
        .containsExactly("delete pod pod-a");
    assertThat(result.blocked()).hasValue(Set.of(fixture.run("a").admitKey()));

    fixture.kube.pods.clear();
    assertThat(sweep.pass().blocked()).hasValue(Set.of());
  }

  @Test
  void aForbiddenDeletionDoesNotStopThePass() {
    abandoned().pod("first", "a").pod("second", "a");
    fixture.kube.undeletable.add("first");

    assertThat(sweep.pass().orphanedPods()).isEqualTo(1);
    assertThat(fixture.kube.changes).containsExactly("delete pod second");
  }

  @Test
  void whatANewLeaderFindsBeforeItsFirstClaimIsReportedByTheNextPass() {
    abandoned().pod("pod-a", "a").gateOpened("a");

    assertThat(sweep.blockedKeys()).hasValue(Set.of(fixture.run("a").admitKey()));
    assertThat(fixture.kube.changes).containsExactly("delete pod pod-a");

    fixture.kube.pods.clear();
    assertThat(sweep.pass().unboundOpenPods()).isEqualTo(1);
    assertThat(sweep.pass().unboundOpenPods()).isZero();
  }
}
