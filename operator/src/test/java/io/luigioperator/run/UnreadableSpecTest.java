/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import static io.luigioperator.run.Pods.running;
import static io.luigioperator.run.SnapshotBuilder.bound;
import static io.luigioperator.run.SnapshotBuilder.claimed;
import static io.luigioperator.run.SnapshotBuilder.ready;
import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.Condition;
import io.luigioperator.api.Phase;
import io.luigioperator.api.PipelineRunSpec;
import io.luigioperator.api.PipelineRunStatus;
import io.luigioperator.api.ScheduleRef;
import io.luigioperator.run.RunSnapshot.PodCheck;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** A PipelineRun or PipelineSchedule whose spec this version of the operator cannot read. */
class UnreadableSpecTest {

  private static final String PROBLEM = "it is nested deeper than 100 levels";
  private static final Instant T0 = Instant.parse("2026-01-31T12:00:00Z");

  private static RunObject unreadable(String uid, long generation) {
    return new RunObject(
        SnapshotBuilder.KEY,
        uid,
        generation,
        T0,
        false,
        false,
        new ParsedSpec.Unreadable<>(PROBLEM),
        Optional.empty());
  }

  private static RunObject byReference(String schedule) {
    PipelineRunSpec spec =
        new PipelineRunSpec(
            new ScheduleRef(schedule),
            null,
            "UA",
            "2013-01-15",
            List.of(),
            null,
            null,
            null,
            null,
            null,
            null,
            null,
            null);
    return SnapshotBuilder.object(spec, "uid-1", 1);
  }

  private static Optional<Condition> condition(PipelineRunStatus status, String type) {
    return status.conditions().stream().filter(c -> c.getType().equals(type)).findFirst();
  }

  @Test
  void aNewRunIsNotAcceptedAndSaysWhy() {
    RunSnapshot s =
        new RunSnapshot(
            SnapshotBuilder.KEY,
            "main",
            Optional.of(unreadable("uid-1", 1)),
            Optional.empty(),
            new PodCheck.Unasked(),
            Optional.empty(),
            Optional.empty(),
            Optional.empty(),
            RunSnapshot.Hints.NONE);

    Decision decision = new RunDecider(Limits.DEFAULT).decide(s, T0);

    assertThat(decision.effect()).isEmpty();
    PipelineRunStatus status = decision.status().orElseThrow();
    assertThat(status.phase()).isEqualTo(Phase.Pending);
    assertThat(status.reason()).isEqualTo("SpecUnreadable");
    assertThat(condition(status, "Accepted").orElseThrow().getMessage()).contains(PROBLEM);
    assertThat(condition(status, "Stalled").orElseThrow().getStatus()).isEqualTo("True");
    assertThat(condition(status, "Finished").orElseThrow().getStatus())
        .describedAs("a later version of the operator may be able to read it")
        .isEqualTo("False");
  }

  @Test
  void anAcceptedRunContinuesAndIsNotAmended() {
    Decision decision =
        bound().onNode("n1").object(unreadable("uid-1", 7)).pod(running("pod-1", "n1")).decide();

    assertThat(decision.effect()).isEmpty();
    PipelineRunStatus status = decision.status().orElseThrow();
    assertThat(status.phase()).isEqualTo(Phase.Running);
    assertThat(condition(status, "Stalled").orElseThrow().getMessage()).contains(PROBLEM);
  }

  @Test
  void aClaimedAttemptIsLaunched() {
    assertThat(claimed().object(unreadable("uid-1", 7)).decide().effect())
        .containsInstanceOf(Effect.CreateJob.class);
  }

  @Test
  void anotherUnreadableObjectIsNotTheRequestOfTheRun() {
    PipelineRunStatus status =
        ready().object(unreadable("uid-2", 1)).decide().status().orElseThrow();
    assertThat(status.reason()).isEqualTo("SpecUnreadable");
  }

  @Test
  void aRunWaitsForAScheduleThatCanBeRead() {
    ScheduleObject schedule =
        ScheduleFixture.schedule("flights", "daily", 1, new ParsedSpec.Unreadable<>(PROBLEM));
    var refused =
        (Resolver.Resolution.Refused) Resolver.resolve(byReference("daily"), Optional.of(schedule));

    assertThat(refused.reason()).isEqualTo("SpecUnreadable");
    assertThat(refused.fixable()).isTrue();
    assertThat(refused.message()).contains("daily", PROBLEM);
    assertThat(
            ScheduleView.of(schedule, TickSummary.EMPTY, Optional.empty(), T0)
                .conditions()
                .getFirst()
                .getMessage())
        .contains(PROBLEM);
  }
}
