/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.Scene;
import io.luigioperator.ledger.Ledger.RunRecord;
import java.time.Duration;
import org.junit.jupiter.api.Test;

/** Who has the name of a cluster, and when somebody else gets it. */
class ClusterNameTest {
  private final Scene scene = new Scene().accepted("a");
  private final ClusterName first = new ClusterName(scene.ledger, Scene.HERE, "first");
  private final ClusterName second = new ClusterName(scene.ledger, Scene.HERE, "second");

  @Test
  void aClusterKeepsItsNameByItsHeartbeat() {
    assertThat(first.keep()).isTrue();
    for (int i = 1; i <= 20; i++) {
      scene.at(Duration.ofSeconds(10 * i));
      assertThat(second.keep()).isFalse();
      assertThat(first.keep()).isTrue();
    }
    assertThat(scene.ledger.load(Scene.key("a"), Scene.HERE).flatMap(RunRecord::object))
        .as("what it knew of its objects")
        .isPresent();
    assertThat(second.advice()).contains("\"here\"", "clusterId of its own");
  }

  @Test
  void aRebuiltClusterGetsTheNameOfASilentOneAndForgetsItsObjects() {
    first.keep();
    scene.at(ClusterName.SILENCE.minusMillis(1));
    assertThat(second.keep()).isFalse();
    scene.at(ClusterName.SILENCE);
    assertThat(second.keep()).isTrue();
    assertThat(scene.ledger.load(Scene.key("a"), Scene.HERE).flatMap(RunRecord::object)).isEmpty();
    assertThat(first.keep()).as("the old one, back again").isFalse();
  }
}
