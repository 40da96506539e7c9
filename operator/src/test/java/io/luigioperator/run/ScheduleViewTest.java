/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.Condition;
import io.fabric8.kubernetes.client.utils.Serialization;
import io.luigioperator.api.AttentionStatus;
import io.luigioperator.api.ClientsStatus;
import io.luigioperator.api.PipelineScheduleSpec;
import io.luigioperator.api.PipelineScheduleStatus;
import io.luigioperator.run.TickSummary.Applied;
import io.luigioperator.run.TickSummary.Problem;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ScheduleViewTest {
  private static final Instant T0 = Instant.parse("2026-03-01T10:00:00.123456Z");
  private static final Instant LATER = T0.plusSeconds(60);
  private static final String TWO = "[{id: acme}, {id: globex}]";

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

  private static ScheduleObject schedule(long generation) {
    return schedule(generation, TWO, "{}");
  }

  /** What is known after the schedule was applied. */
  private static TickSummary applied(
      ScheduleObject schedule, Optional<Problem> problem, Optional<HealthSummary> health) {
    return new TickSummary(
        Optional.of(Applied.of(schedule)),
        Optional.of(LATER),
        Optional.of(T0),
        1,
        problem.isPresent() ? 1 : 0,
        problem,
        health,
        List.of());
  }

  private static PipelineScheduleStatus status(ScheduleObject schedule) {
    return ScheduleView.of(schedule, TickSummary.withoutCrons(schedule), Optional.empty(), T0);
  }

  private static PipelineScheduleStatus healthy(String acme, String globex) {
    HealthSummary health =
        HealthSummary.of(
            Map.of(
                "acme", ClientHealth.of(ClientHealthTest.runs(acme)),
                "globex", ClientHealth.of(ClientHealthTest.runs(globex))),
            Map.of());
    ScheduleObject schedule = schedule(1);
    return ScheduleView.of(
        schedule, applied(schedule, Optional.empty(), Optional.of(health)), Optional.empty(), T0);
  }

  /** Type, status and reason, by type. */
  private static String conditions(PipelineScheduleStatus status) {
    return status.conditions().stream()
        .map(c -> "%s=%s %s".formatted(c.getType(), c.getStatus(), c.getReason()))
        .collect(Collectors.joining(", "));
  }

  private static Condition condition(PipelineScheduleStatus status, String type) {
    return status.conditions().stream()
        .filter(c -> c.getType().equals(type))
        .findFirst()
        .orElseThrow();
  }

  // ---- Ready and Stalled

  @Test
  void scheduleWithClientsIsReadyAndCountsThem() {
    PipelineScheduleStatus status = status(schedule(3));
    assertThat(status.observedGeneration()).isEqualTo(3);
    assertThat(status.clients().total()).isEqualTo(2);
    assertThat(conditions(status)).isEqualTo("Ready=True Usable");
    assertThat(condition(status, "Ready").getObservedGeneration()).isEqualTo(3);
    assertThat(condition(status, "Ready").getLastTransitionTime())
        .isEqualTo("2026-03-01T10:00:00Z");
  }

  @Test
  void scheduleWithoutClientsIsNotReadyAndSaysWhatToDo() {
    PipelineScheduleStatus status = status(schedule(1, "[]", "{}"));
    assertThat(conditions(status)).isEqualTo("Ready=False NoClients, Stalled=True NoClients");
    assertThat(condition(status, "Ready").getMessage()).contains("add clients");
    assertThat(condition(status, "Stalled").getMessage()).contains("add clients");
  }

  @Test
  void scheduleThatAllowsUnlistedClientsIsReady() {
    PipelineScheduleStatus status = status(schedule(1, "[]", "{unlistedClients: true}"));
    assertThat(conditions(status)).isEqualTo("Ready=True Usable");
    assertThat(status.clients().total()).isZero();
  }

  @Test
  void transitionTimeChangesOnlyWithTheStatus() {
    ScheduleObject full = schedule(1);
    PipelineScheduleStatus first = status(full);
    assertThat(ScheduleView.of(full, TickSummary.withoutCrons(full), Optional.of(first), LATER))
        .isEqualTo(first);

    ScheduleObject emptied = schedule(2, "[]", "{}");
    PipelineScheduleStatus after =
        ScheduleView.of(emptied, TickSummary.withoutCrons(emptied), Optional.of(first), LATER);
    assertThat(condition(after, "Ready").getLastTransitionTime()).isEqualTo("2026-03-01T10:01:00Z");
  }

  /** Nothing but a change of the configuration helps, so GitOps tools need not wait. */
  @ParameterizedTest
  @ValueSource(strings = {"CronInvalid", "TimeZoneUnknown", "ClientInvalid"})
  void anErrorOfConfigurationIsStalled(String reason) {
    ScheduleObject schedule = schedule(1);
    TickSummary ticks =
        applied(schedule, Optional.of(new Problem(reason, "correct acme")), Optional.empty());
    PipelineScheduleStatus status = ScheduleView.of(schedule, ticks, Optional.empty(), T0);
    assertThat(conditions(status))
        .isEqualTo("Ready=False %1$s, Stalled=True %1$s".formatted(reason));
    assertThat(condition(status, "Stalled").getMessage()).isEqualTo("correct acme");

    PipelineScheduleStatus corrected =
        ScheduleView.of(
            schedule(2), TickSummary.withoutCrons(schedule(2)), Optional.of(status), LATER);
    assertThat(conditions(corrected)).isEqualTo("Ready=True Usable");
  }

  @Test
  void anUnreadableSpecIsStalledAndDoesNotWaitForTheLoop() {
    ScheduleObject schedule =
        ScheduleFixture.schedule("data", "nightly", 2, new ParsedSpec.Unreadable<>("x is new"));
    PipelineScheduleStatus status =
        ScheduleView.of(schedule, TickSummary.EMPTY, Optional.of(status(schedule(1))), T0);
    assertThat(conditions(status))
        .isEqualTo("Ready=False SpecUnreadable, Stalled=True SpecUnreadable");
    assertThat(status.observedGeneration()).isEqualTo(2);
  }

  /** It is the same file in two clusters, and nothing is to be done in this one. */
  @Test
  void theScheduleOfAnotherClusterIsReadyAndHasNoHealth() {
    ScheduleObject schedule = schedule(1);
    Problem elsewhere = new Problem("OtherCluster", "cluster there has it, too");
    PipelineScheduleStatus status =
        ScheduleView.of(
            schedule,
            applied(schedule, Optional.of(elsewhere), Optional.empty()),
            Optional.of(healthy("F", "S")),
            T0);
    assertThat(conditions(status)).isEqualTo("Ready=True OtherCluster");
    assertThat(status.clients().failing()).isNull();
    assertThat(status.attention()).isEmpty();
  }

  // ---- Reconciling

  @Test
  void aNewScheduleIsReconcilingUntilItIsApplied() {
    PipelineScheduleStatus status =
        ScheduleView.of(schedule(1), TickSummary.EMPTY, Optional.empty(), T0);
    assertThat(conditions(status))
        .isEqualTo("Ready=Unknown NotApplied, Reconciling=True NotApplied");
    assertThat(status.observedGeneration()).isEqualTo(1);
    assertThat(condition(status, "Reconciling").getMessage()).contains("generation 1", "MySQL");
  }

  @Test
  void aNewGenerationIsReconcilingAndKeepsWhatIsKnown() {
    PipelineScheduleStatus before = healthy("F", "S");
    for (TickSummary ticks : List.of(TickSummary.EMPTY, TickSummary.withoutCrons(schedule(1)))) {
      PipelineScheduleStatus status =
          ScheduleView.of(schedule(2), ticks, Optional.of(before), LATER);
      assertThat(conditions(status))
          .isEqualTo(
              "Ready=True Usable, Reconciling=True NotApplied, RunsHealthy=False ClientsFailing");
      assertThat(condition(status, "Ready")).isEqualTo(condition(before, "Ready"));
      assertThat(status.observedGeneration()).isEqualTo(2);
      assertThat(status.clients()).isEqualTo(before.clients());
      assertThat(status.attention()).isEqualTo(before.attention());
      assertThat(status.nextTickTime()).isEqualTo(before.nextTickTime());
      assertThat(status.lastTickTime()).isEqualTo(before.lastTickTime());
      assertThat(ScheduleView.of(schedule(2), ticks, Optional.of(status), LATER.plusSeconds(60)))
          .isEqualTo(status);
    }
  }

  /** A generation that is known to be stalled is not stalled while the next one is applied. */
  @Test
  void nothingIsStalledAndReconcilingAtOnce() {
    PipelineScheduleStatus stalled = status(schedule(1, "[]", "{}"));
    assertThat(
            conditions(
                ScheduleView.of(schedule(2), TickSummary.EMPTY, Optional.of(stalled), LATER)))
        .isEqualTo("Ready=False NoClients, Reconciling=True NotApplied");
  }

  /** Otherwise each change of the leader would write each status twice. */
  @Test
  void aNewLeaderKeepsTheStatusUntilItKnowsMore() {
    PipelineScheduleStatus before = healthy("F", "S");
    assertThat(ScheduleView.of(schedule(1), TickSummary.EMPTY, Optional.of(before), LATER))
        .isSameAs(before);

    PipelineScheduleStatus loaded =
        ScheduleView.of(
            schedule(1),
            applied(schedule(1), Optional.empty(), Optional.empty()),
            Optional.of(before),
            LATER);
    assertThat(loaded).as("the health is not read yet").isEqualTo(before);
  }

  /** It was deleted and created again, and the loop has not seen that. */
  @Test
  void anotherObjectOfTheNameIsNotApplied() {
    ScheduleObject old = schedule(7);
    ScheduleObject created =
        new ScheduleObject(old.key(), "uid-new", T0, 1, old.parsedSpec(), Optional.empty());
    assertThat(
            conditions(
                ScheduleView.of(created, TickSummary.withoutCrons(old), Optional.empty(), T0)))
        .contains("Reconciling=True");
  }

  /** The reconciler has an older object than the loop. */
  @Test
  void aLaterGenerationThatIsAppliedContainsTheEarlierOne() {
    PipelineScheduleStatus status =
        ScheduleView.of(schedule(1), TickSummary.withoutCrons(schedule(2)), Optional.empty(), T0);
    assertThat(conditions(status)).isEqualTo("Ready=True Usable");
  }

  // ---- RunsHealthy

  @Test
  void runsAreHealthyIfNoClientIsFailingOrLagging() {
    PipelineScheduleStatus status = healthy("A S", "");
    assertThat(conditions(status)).isEqualTo("Ready=True Usable, RunsHealthy=True AllHealthy");
    assertThat(status.clients()).isEqualTo(new ClientsStatus(2, 2, 0, 0, 1, 0));
    assertThat(status.attention()).isEmpty();
  }

  @Test
  void failingClientsAreNamedAndDoNotMakeTheScheduleUnready() {
    PipelineScheduleStatus status = healthy("F S", "A R S");
    assertThat(conditions(status)).isEqualTo("Ready=True Usable, RunsHealthy=False ClientsFailing");
    assertThat(condition(status, "RunsHealthy").getMessage())
        .isEqualTo(
            "the newest business date that has ended has failed for client acme; lagging clients: 1;"
                + " correct the cause that status.attention shows, then create a PipelineRun with"
                + " the client and the date");
    assertThat(status.clients()).isEqualTo(new ClientsStatus(2, 0, 1, 1, 1, 0));
    assertThat(status.attention())
        .extracting(AttentionStatus::client)
        .containsExactly("acme", "globex");
  }

  @Test
  void laggingClientsAreNamed() {
    PipelineScheduleStatus status = healthy("S", "A R S");
    assertThat(conditions(status)).isEqualTo("Ready=True Usable, RunsHealthy=False ClientsLagging");
    assertThat(condition(status, "RunsHealthy").getMessage())
        .contains("for client globex;", "luigi-operator.io/client=globex");
  }

  @Test
  void nothingIsKnownUntilARunHasEnded() {
    assertThat(conditions(healthy("", ""))).contains("RunsHealthy=Unknown NoRuns");
    assertThat(conditions(healthy("A", "C"))).contains("RunsHealthy=Unknown NoRuns");
    assertThat(conditions(healthy("A", "S"))).contains("RunsHealthy=True AllHealthy");
  }

  @Test
  void theMessageNamesThreeClientsAndCountsAll() {
    Map<String, ClientHealth> clients =
        List.of("a", "b", "c", "d", "e").stream()
            .collect(Collectors.toMap(c -> c, c -> ClientHealth.of(ClientHealthTest.runs("F"))));
    ScheduleObject schedule = schedule(1);
    HealthSummary health = HealthSummary.of(clients, Map.of());
    assertThat(
            condition(
                    ScheduleView.of(
                        schedule,
                        applied(schedule, Optional.empty(), Optional.of(health)),
                        Optional.empty(),
                        T0),
                    "RunsHealthy")
                .getMessage())
        .contains("has failed for 5 clients (a, b, c, ...);");
  }
}
