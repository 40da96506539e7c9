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

/** When a drive looks again, and how soon. */
class RunReconcilerStepsTest {
  private static final RunKey RUN = OperatorFixture.key("a");

  private final OperatorFixture fixture = new OperatorFixture();
  private final RunReconciler runReconciler = fixture.runReconciler();

  @BeforeEach
  void accept() {
    fixture.accepted("a");
  }

  @Test
  void whoLosesTheRaceForAStatusLooksAgain() {
    fixture.at(Duration.ofSeconds(60)); // a run that waits for moments only says nothing
    fixture.kube.lateStatuses = 1;

    runReconciler.reconcile(RUN);

    assertThat(fixture.kube.statusWrites).isEqualTo(2);
    assertThat(fixture.kube.cachedReads).as("decided anew").isEqualTo(2);
    assertThat(fixture.kube.liveReads).isZero();
  }

  @Test
  void theRaceForAStatusIsNotRunForEver() {
    fixture.at(Duration.ofSeconds(60));
    fixture.kube.lateStatuses = Integer.MAX_VALUE;

    assertThat(runReconciler.reconcile(RUN)).isPresent();
    assertThat(fixture.kube.statusWrites).isBetween(2, 20);
  }

  @Test
  void aSlowJobControllerIsNotAskedAboutAtEveryLook() {
    fixture.claimed("a").job("a", "token-a").at(Limits.DEFAULT.claimTtl());

    assertThat(runReconciler.reconcile(RUN)).contains(Limits.DEFAULT.claimTtl());
    assertThat(fixture.kube.dryRuns).isEqualTo(1);
    assertThat(fixture.kube.statusWrites).as("that it waits for its pod is said").isEqualTo(1);
    assertThat(fixture.kube.changes).isEmpty();
  }
}
