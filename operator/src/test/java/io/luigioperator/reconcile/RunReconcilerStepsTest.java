/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.OperatorFixture;
import io.luigioperator.run.Limits;
import io.luigioperator.run.RunKey;
import java.time.Duration;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** When a reconciliation repeats its steps, and when it requeues the run. */
class RunReconcilerStepsTest {
  private static final RunKey RUN = OperatorFixture.key("a");

  private final OperatorFixture fixture = new OperatorFixture();
  private final RunReconciler runReconciler = fixture.runReconciler();

  @BeforeEach
  void accept() {
    fixture.accepted("a");
  }

  @Test
  void aStatusConflictRepeatsTheDecision() {
    fixture.at(Duration.ofSeconds(60)); // before, a READY run has no Queued status to write
    fixture.kube.lateStatuses = 1;

    runReconciler.reconcile(RUN);

    assertThat(fixture.kube.statusWrites).isEqualTo(2);
    assertThat(fixture.kube.cachedReads).as("decided again").isEqualTo(2);
    assertThat(fixture.kube.liveReads).isZero();
  }

  @Test
  void statusConflictsAreRetriedABoundedNumberOfTimes() {
    fixture.at(Duration.ofSeconds(60));
    fixture.kube.lateStatuses = Integer.MAX_VALUE;

    assertThat(runReconciler.reconcile(RUN)).isPresent();
    assertThat(fixture.kube.statusWrites).isBetween(2, 20);
  }

  @Test
  void aMissingPodIsDiagnosedOnceInAReconciliation() {
    fixture.claimed("a").job("a", "token-a").at(Limits.DEFAULT.claimTtl());

    assertThat(runReconciler.reconcile(RUN)).contains(Limits.DEFAULT.claimTtl());
    assertThat(fixture.kube.dryRuns).isEqualTo(1);
    assertThat(fixture.kube.statusWrites)
        .as("the status shows that it waits for its pod")
        .isEqualTo(1);
    assertThat(fixture.kube.changes).isEmpty();
  }
}
