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

  private final OperatorFixture scene = new OperatorFixture();
  private final RunReconciler runReconciler = scene.runReconciler();

  @BeforeEach
  void accept() {
    scene.accepted("a");
  }

  @Test
  void whoLosesTheRaceForAStatusLooksAgain() {
    scene.at(Duration.ofSeconds(60)); // a run that waits for moments only says nothing
    scene.kube.lateStatuses = 1;

    runReconciler.reconcile(RUN);

    assertThat(scene.kube.statusWrites).isEqualTo(2);
    assertThat(scene.kube.cachedReads).as("decided anew").isEqualTo(2);
    assertThat(scene.kube.liveReads).isZero();
  }

  @Test
  void theRaceForAStatusIsNotRunForEver() {
    scene.at(Duration.ofSeconds(60));
    scene.kube.lateStatuses = Integer.MAX_VALUE;

    assertThat(runReconciler.reconcile(RUN)).isPresent();
    assertThat(scene.kube.statusWrites).isBetween(2, 20);
  }

  @Test
  void aSlowJobControllerIsNotAskedAboutAtEveryLook() {
    scene.claimed("a").job("a", "token-a").at(Limits.DEFAULT.claimTtl());

    assertThat(runReconciler.reconcile(RUN)).contains(Limits.DEFAULT.claimTtl());
    assertThat(scene.kube.dryRuns).isEqualTo(1);
    assertThat(scene.kube.statusWrites).as("that it waits for its pod is said").isEqualTo(1);
    assertThat(scene.kube.changes).isEmpty();
  }
}
