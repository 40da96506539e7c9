/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import static io.luigioperator.reconcile.ControllersFixture.DATA;
import static io.luigioperator.reconcile.ControllersFixture.eventually;
import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.api.PipelineSchedule;
import io.luigioperator.run.ScheduleFixture;
import io.luigioperator.run.ScheduleObject;
import io.luigioperator.run.ScheduleView;
import io.luigioperator.run.TickSummary;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** The status of a PipelineSchedule, and how often it is written. */
class PipelineScheduleReconcilerTest {
  @RegisterExtension final ControllersFixture fixture = new ControllersFixture();

  @Test
  void aScheduleIsReadyOnceItHasClients() {
    fixture.start();
    fixture.applySchedule("[]");
    fixture.awaitReady("False", "NoClients");
    assertThat(fixture.schedule().getStatus().observedGeneration()).isEqualTo(1);
    assertThat(fixture.schedule().getStatus().clients().total()).isZero();
    assertThat(fixture.schedule().getStatus().conditions().getFirst().getMessage())
        .contains("add clients");

    fixture.listClients("[{\"id\":\"acme\"},{\"id\":\"globex\"}]");
    fixture.awaitReady("True", "Usable");
    assertThat(fixture.schedule().getStatus().observedGeneration()).isEqualTo(2);
    assertThat(fixture.schedule().getStatus().clients().total()).isEqualTo(2);
  }

  @Test
  void reconcilingAScheduleAgainWritesNothing() throws Exception {
    fixture.start();
    fixture.applySchedule("[{id: acme}]");
    fixture.awaitReady("True", "Usable");
    int reads = fixture.scheduleClock.asked();
    fixture.scheduleClock.advance(Duration.ofSeconds(60));
    fixture.controllers.wakeAll();
    eventually(() -> assertThat(fixture.scheduleClock.asked()).isGreaterThan(reads));
    fixture.controllers.stop(); // waits for writes in progress
    assertThat(fixture.patches())
        .singleElement()
        .asString()
        .contains("/pipelineschedules/nightly/status");
  }

  /** For example while the ledger is unavailable. */
  @Test
  void aGenerationThatIsNotAppliedIsReconciling() throws Exception {
    fixture.ticks.unavailable = true;
    fixture.start();
    fixture.applySchedule("[{id: acme}]");
    fixture.awaitReady("Unknown", "NotApplied");
    fixture.awaitScheduleCondition("Reconciling", "True", "NotApplied");
    fixture.ticks.unavailable = false;
    fixture.controllers.wakeAll();
    fixture.awaitReady("True", "Usable");
    assertThat(fixture.schedule().getStatus().conditions())
        .noneMatch(c -> c.getType().equals("Reconciling"));

    fixture.ticks.unavailable = true; // a new leader has not looked at it yet
    int reads = fixture.scheduleClock.asked();
    fixture.controllers.wakeAll();
    eventually(() -> assertThat(fixture.scheduleClock.asked()).isGreaterThan(reads));
    fixture.controllers.stop();
    assertThat(fixture.patches()).hasSize(2);
  }

  @Test
  void aWrittenStatusIsKnownBeforeItsWatchEvent() throws Exception {
    fixture.applySchedule("[{id: acme}]");
    PipelineSchedule written = fixture.schedule();
    ScheduleObject applied = ScheduleFixture.schedule(DATA, "nightly", 1, written.getSpec());
    written.setStatus(
        ScheduleView.of(
            applied,
            TickSummary.withoutCrons(applied),
            Optional.empty(),
            fixture.scheduleClock.instant()));
    fixture
        .server // answers without a watch event
        .expect()
        .patch()
        .withPath(
            "/apis/luigi-operator.io/v1beta1/namespaces/data/pipelineschedules/nightly/status")
        .andReturn(200, written)
        .always();
    fixture.start();
    for (int i = 0; i < 3; i++) {
      int reads = fixture.scheduleClock.asked();
      fixture.controllers.wakeAll();
      eventually(() -> assertThat(fixture.scheduleClock.asked()).isGreaterThan(reads));
    }
    fixture.controllers.stop();
    assertThat(fixture.patches()).hasSize(1);
  }
}
