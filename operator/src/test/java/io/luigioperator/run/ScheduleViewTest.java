/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.Condition;
import io.fabric8.kubernetes.client.utils.Serialization;
import io.luigioperator.api.PipelineScheduleSpec;
import io.luigioperator.api.PipelineScheduleStatus;
import java.time.Instant;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class ScheduleViewTest {
  private static final Instant T0 = Instant.parse("2026-03-01T10:00:00.123456Z");

  private static ScheduleObject schedule(long generation, String clients, String allow) {
    return ScheduleFixture.schedule(
        "data",
        "nightly",
        generation,
        Serialization.unmarshal(
            """
            pipeline:
              image: registry.example.com/flights:1
              task: {module: flights, family: Report}
              allow: %s
            clients: %s
            """
                .formatted(allow, clients),
            PipelineScheduleSpec.class));
  }

  private static Condition ready(PipelineScheduleStatus status) {
    assertThat(status.conditions()).hasSize(1);
    assertThat(status.conditions().getFirst().getType()).isEqualTo("Ready");
    return status.conditions().getFirst();
  }

  @Test
  void scheduleWithClientsIsReadyAndCountsThem() {
    PipelineScheduleStatus status =
        ScheduleView.of(
            schedule(3, "[{id: acme}, {id: globex}]", "{}"),
            TickSummary.EMPTY,
            Optional.empty(),
            T0);
    assertThat(status.observedGeneration()).isEqualTo(3);
    assertThat(status.clients().total()).isEqualTo(2);
    assertThat(ready(status).getStatus()).isEqualTo("True");
    assertThat(ready(status).getObservedGeneration()).isEqualTo(3);
    assertThat(ready(status).getLastTransitionTime()).isEqualTo("2026-03-01T10:00:00Z");
  }

  @Test
  void scheduleWithoutClientsIsNotReadyAndSaysWhatToDo() {
    PipelineScheduleStatus status =
        ScheduleView.of(schedule(1, "[]", "{}"), TickSummary.EMPTY, Optional.empty(), T0);
    assertThat(ready(status).getStatus()).isEqualTo("False");
    assertThat(ready(status).getReason()).isEqualTo("NoClients");
    assertThat(ready(status).getMessage()).contains("add clients");
  }

  @Test
  void scheduleThatAllowsUnlistedClientsIsReady() {
    PipelineScheduleStatus status =
        ScheduleView.of(
            schedule(1, "[]", "{unlistedClients: true}"), TickSummary.EMPTY, Optional.empty(), T0);
    assertThat(ready(status).getStatus()).isEqualTo("True");
    assertThat(status.clients().total()).isZero();
  }

  @Test
  void transitionTimeChangesOnlyWithTheStatus() {
    ScheduleObject full = schedule(1, "[{id: acme}]", "{}");
    PipelineScheduleStatus first = ScheduleView.of(full, TickSummary.EMPTY, Optional.empty(), T0);
    assertThat(ScheduleView.of(full, TickSummary.EMPTY, Optional.of(first), T0.plusSeconds(60)))
        .isEqualTo(first);

    PipelineScheduleStatus emptied =
        ScheduleView.of(
            schedule(2, "[]", "{}"), TickSummary.EMPTY, Optional.of(first), T0.plusSeconds(60));
    assertThat(ready(emptied).getLastTransitionTime()).isEqualTo("2026-03-01T10:01:00Z");
  }
}
