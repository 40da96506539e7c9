/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.OperatorFixture;
import io.luigioperator.ledger.LedgerQueries.RunRecord;
import java.time.Duration;
import org.junit.jupiter.api.Test;

/** Who has the name of a cluster, and when somebody else gets it. */
class ClusterRegistrationTest {
  private final OperatorFixture scene = new OperatorFixture().accepted("a");
  private final ClusterRegistration first =
      new ClusterRegistration(scene.ledger, OperatorFixture.HERE, "first");
  private final ClusterRegistration second =
      new ClusterRegistration(scene.ledger, OperatorFixture.HERE, "second");

  @Test
  void aClusterKeepsItsNameByItsHeartbeat() {
    assertThat(first.keep()).isTrue();
    for (int i = 1; i <= 20; i++) {
      scene.at(Duration.ofSeconds(10 * i));
      assertThat(second.keep()).isFalse();
      assertThat(first.keep()).isTrue();
    }
    assertThat(
            scene
                .ledger
                .queries()
                .load(OperatorFixture.key("a"), OperatorFixture.HERE)
                .run(OperatorFixture.key("a"))
                .flatMap(RunRecord::object))
        .as("what it knew of its objects")
        .isPresent();
    assertThat(second.advice()).contains("\"here\"", "clusterId of its own");
  }

  @Test
  void aRebuiltClusterGetsTheNameOfASilentOneAndForgetsItsObjects() {
    first.keep();
    scene.at(ClusterRegistration.SILENCE.minusMillis(1));
    assertThat(second.keep()).isFalse();
    scene.at(ClusterRegistration.SILENCE);
    assertThat(second.keep()).isTrue();
    assertThat(
            scene
                .ledger
                .queries()
                .load(OperatorFixture.key("a"), OperatorFixture.HERE)
                .run(OperatorFixture.key("a"))
                .flatMap(RunRecord::object))
        .isEmpty();
    assertThat(first.keep()).as("the old one, back again").isFalse();
  }
}
