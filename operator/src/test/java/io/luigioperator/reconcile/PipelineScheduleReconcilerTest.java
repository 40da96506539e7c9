/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import static io.luigioperator.reconcile.ControllersFixture.DATA;
import static io.luigioperator.reconcile.ControllersFixture.eventually;
import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.api.PipelineSchedule;
import io.luigioperator.run.ScheduleObject;
import io.luigioperator.run.ScheduleView;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What is said of a PipelineSchedule, and how often. */
class PipelineScheduleReconcilerTest {
  @RegisterExtension final ControllersFixture world = new ControllersFixture();

  @Test
  void aScheduleWithoutClientsSaysWhatToDoAndIsReadyOnceItHasSome() {
    world.start();
    world.applySchedule("[]");
    world.awaitReady("False", "NoClients");
    assertThat(world.schedule().getStatus().observedGeneration()).isEqualTo(1);
    assertThat(world.schedule().getStatus().clients().total()).isZero();
    assertThat(world.schedule().getStatus().conditions().getFirst().getMessage())
        .contains("add clients");

    world.listClients("[{\"id\":\"acme\"},{\"id\":\"globex\"}]");
    world.awaitReady("True", "Usable");
    assertThat(world.schedule().getStatus().observedGeneration()).isEqualTo(2);
    assertThat(world.schedule().getStatus().clients().total()).isEqualTo(2);
  }

  @Test
  void aSecondLookAtAScheduleWritesNothing() throws Exception {
    world.start();
    world.applySchedule("[{id: acme}]");
    world.awaitReady("True", "Usable");
    int looks = world.scheduleClock.asked();
    world.scheduleClock.advance(Duration.ofSeconds(60));
    world.edge.wakeAll();
    eventually(() -> assertThat(world.scheduleClock.asked()).isGreaterThan(looks));
    world.edge.stop(); // waits for what that look may still write
    assertThat(world.patches())
        .singleElement()
        .asString()
        .contains("/pipelineschedules/nightly/status");
  }

  @Test
  void whatItWroteItKnowsBeforeTheWatchTells() throws Exception {
    world.applySchedule("[{id: acme}]");
    PipelineSchedule written = world.schedule();
    written.setStatus(
        ScheduleView.of(
            new ScheduleObject(DATA, "nightly", 1, written.getSpec()),
            Optional.empty(),
            world.scheduleClock.instant()));
    world
        .server // answers, and tells no watch
        .expect()
        .patch()
        .withPath(
            "/apis/luigi-operator.io/v1beta1/namespaces/data/pipelineschedules/nightly/status")
        .andReturn(200, written)
        .always();
    world.start();
    for (int i = 0; i < 3; i++) {
      int looks = world.scheduleClock.asked();
      world.edge.wakeAll();
      eventually(() -> assertThat(world.scheduleClock.asked()).isGreaterThan(looks));
    }
    world.edge.stop();
    assertThat(world.patches()).hasSize(1);
  }
}
