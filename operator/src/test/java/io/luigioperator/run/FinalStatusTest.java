/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import static io.luigioperator.run.Pods.gated;
import static io.luigioperator.run.Pods.running;
import static io.luigioperator.run.SnapshotBuilder.KEY;
import static io.luigioperator.run.SnapshotBuilder.T0;
import static io.luigioperator.run.SnapshotBuilder.bound;
import static io.luigioperator.run.SnapshotBuilder.claimed;
import static io.luigioperator.run.SnapshotBuilder.object;
import static io.luigioperator.run.SnapshotBuilder.ready;
import static io.luigioperator.run.SnapshotBuilder.spec;
import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.api.DesiredState;
import io.luigioperator.api.Phase;
import io.luigioperator.api.PipelineRunSpec;
import io.luigioperator.api.PipelineRunStatus;
import io.luigioperator.api.ScheduleRef;
import io.luigioperator.run.RunSnapshot.PodCheck;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** A status with the condition Finished=True is final for this object. */
class FinalStatusTest {

  private static final Duration LATER = Duration.ofDays(20);

  private static final PodCheck REFUSED = new PodCheck.Refused("pods \"x\" is forbidden");

  private static RunSnapshot withoutRow(RunObject o, PodCheck podCheck) {
    return new RunSnapshot(
        KEY,
        "main",
        Optional.of(o),
        Optional.empty(),
        podCheck,
        Optional.empty(),
        Optional.empty(),
        Optional.empty(),
        RunSnapshot.Hints.NONE);
  }

  private static Decision decide(RunSnapshot s) {
    return new RunDecider(Limits.DEFAULT).decide(s, T0.plus(LATER));
  }

  private static RunObject with(RunObject o, Optional<PipelineRunStatus> status, long generation) {
    return new RunObject(o.key(), o.uid(), generation, T0, false, false, o.spec(), status);
  }

  /** The object after its run has ended in this way, with the status that was written. */
  private static RunObject ended(EndCause cause) {
    return bound().finished(cause).withStatus();
  }

  /** The object after it was rejected for its pod template. */
  private static RunObject rejected(PipelineRunSpec spec) {
    RunObject o = object(spec, "uid-1", 1);
    Decision d = new RunDecider(Limits.DEFAULT).decide(withoutRow(o, REFUSED), T0);
    assertThat(d.status().orElseThrow().phase()).isEqualTo(Phase.Rejected);
    return with(o, d.status(), 1);
  }

  // ---- the ledger has no row

  @ParameterizedTest
  @EnumSource(
      value = RunState.class,
      names = {"SUCCEEDED", "FAILED"})
  void anEndedRunWithoutARowEntersTheLedgerAsEnded(RunState state) {
    RunObject o = ended(state == RunState.SUCCEEDED ? Verdict.SUCCEEDED : Verdict.INVALID_SPEC);

    Effect effect = decide(withoutRow(o, new PodCheck.Passed())).effect().orElseThrow();

    assertThat(effect)
        .isInstanceOfSatisfying(
            Effect.Accept.class,
            accept -> {
              RecordedOutcome outcome = accept.outcome().orElseThrow();
              Run run = WaitingTransitions.acceptEnded(accept.run(), outcome, Ageing.DEFAULT, T0);
              assertThat(run.state()).isEqualTo(state);
              assertThat(run.isRequestedBy(o, Optional.empty())).isTrue();
              assertThat(run.budget().claims()).isEqualTo(1);
              assertThat(run.budget().counted()).isEqualTo(1);
              assertThat(run.times().finishedAt()).contains(T0);
              assertThat(run.times().startedAt()).contains(T0);
              assertThat(run.stateDetails().reason()).isEqualTo(o.status().get().reason());
            });
  }

  @Test
  void aCanceledRunStaysCanceled() {
    RunObject o = ready().canceled().withStatus();
    assertThat(o.outcome().orElseThrow().state()).isEqualTo(RunState.CANCELED);
  }

  @Test
  void itsScheduleNeedNotExistAnyMore() {
    RunObject o = ended(Verdict.SUCCEEDED);
    PipelineRunSpec byReference =
        new PipelineRunSpec(
            new ScheduleRef("gone"),
            null,
            "UA",
            "2013-01-15",
            List.of(),
            null,
            null,
            DesiredState.Running,
            null,
            null,
            null,
            null,
            null);
    RunObject orphan = new RunObject(KEY, "uid-1", 1, T0, false, false, byReference, o.status());

    assertThat(decide(withoutRow(orphan, new PodCheck.Unasked())).effect().orElseThrow())
        .isInstanceOf(Effect.Accept.class);
  }

  @Test
  void aRunThatHasNotEndedIsAcceptedAsNew() {
    RunObject o = bound().onNode("n1").pod(running("pod-1", "n1")).withStatus();

    assertThat(decide(withoutRow(o, new PodCheck.Passed())).effect().orElseThrow())
        .isInstanceOfSatisfying(
            Effect.Accept.class, accept -> assertThat(accept.outcome()).isEmpty());
  }

  // ---- the ledger has an older row

  static Stream<SnapshotBuilder> waitingRows() {
    return Stream.of(
        ready(),
        ready().run(WaitingTransitions.hold(ready().run(), Reasons.HELD, "").orElseThrow()));
  }

  @ParameterizedTest
  @MethodSource("waitingRows")
  void aRestoredRowOfAnEndedRunEnds(SnapshotBuilder row) {
    Decision decision = row.object(ended(Verdict.SUCCEEDED)).decide();

    RecordedOutcome outcome = ((Effect.RestoreOutcome) decision.effect().orElseThrow()).outcome();
    Run run = WaitingTransitions.restoreOutcome(row.run(), outcome, T0).orElseThrow();
    assertThat(run.state()).isEqualTo(RunState.SUCCEEDED);
    assertThat(run.budget().counted()).isLessThanOrEqualTo(run.budget().maxAttempts());
  }

  static Stream<SnapshotBuilder> claimedRows() {
    return Stream.of(
        claimed(),
        claimed().job("job-1", "token-1"),
        claimed().job("job-1", "token-1").pod(gated("pod-1")));
  }

  /** Restored to a time between claim and bind. Its Job may have been deleted for the restore. */
  @ParameterizedTest
  @MethodSource("claimedRows")
  void aRestoredClaimOfAnEndedRunIsNotLaunched(SnapshotBuilder row) {
    Decision decision = row.object(ended(Verdict.SUCCEEDED)).decide();

    Abandonment why = ((Effect.Abandon) decision.effect().orElseThrow()).why();
    Run run =
        EndTransitions.abandon(row.run(), row.attempt(), why, SnapshotBuilder.POLICY, T0)
            .orElseThrow()
            .run();
    assertThat(ready().run(run).object(ended(Verdict.SUCCEEDED)).decide().effect().orElseThrow())
        .isInstanceOf(Effect.RestoreOutcome.class);
  }

  @Test
  void theStatusOfAnEndedRunIsNotReplacedByThatOfARestoredLiveRow() {
    RunObject o = ended(Verdict.SUCCEEDED);
    Decision decision = bound().onNode("n1").pod(running("pod-1", "n1")).object(o).decide();

    assertThat(decision.status()).isEqualTo(o.status());
  }

  @Test
  void anotherGenerationOfAnEndedRunOnlyChangesTheObservedGeneration() {
    RunObject edited = with(ended(Verdict.SUCCEEDED), ended(Verdict.SUCCEEDED).status(), 5);
    PipelineRunStatus status =
        bound().finished(Verdict.SUCCEEDED).object(edited).decide().status().orElseThrow();

    assertThat(status.observedGeneration()).isEqualTo(5);
    assertThat(status.attempts()).isEqualTo(edited.status().get().attempts());
    assertThat(status.conditions()).allMatch(c -> c.getObservedGeneration() == 5);
  }

  // ---- rejected

  @Test
  void aRejectedRunIsNotAcceptedWhenTheWorldChanges() {
    RunObject o = rejected(spec(DesiredState.Running));

    Decision decision = decide(withoutRow(o, new PodCheck.Passed()));

    assertThat(decision.effect()).isEmpty();
    assertThat(decision.status()).isEmpty();
  }

  @Test
  void aRejectedObjectStaysRejectedWhenAnotherClusterAcceptsTheSameRequest() {
    RunObject o = rejected(spec(DesiredState.Running));
    for (SnapshotBuilder row :
        List.of(
            ready().notRecorded(),
            bound().notRecorded().onNode("n1").pod(running("pod-1", "n1")))) {
      Decision decision = row.object(o).decide();
      assertThat(decision.effect()).isEmpty();
      assertThat(decision.status()).isEqualTo(o.status());
    }
  }

  @Test
  void aNewGenerationOfARejectedRunIsLookedAtAgain() {
    RunObject o = rejected(spec(DesiredState.Running));
    RunObject edited = with(o, o.status(), 2);

    assertThat(decide(withoutRow(edited, new PodCheck.Passed())).effect()).isPresent();
  }

  @Test
  void aRejectedRunIsDeletedAfterItsTimeToLive() {
    PipelineRunSpec spec = spec(DesiredState.Running, "15", 60);
    Decision first =
        new RunDecider(Limits.DEFAULT).decide(withoutRow(object(spec, "uid-1", 1), REFUSED), T0);
    assertThat(first.requeueAt()).contains(T0.plusSeconds(60));

    RunSnapshot s = withoutRow(rejected(spec), REFUSED);
    RunDecider decider = new RunDecider(Limits.DEFAULT);
    assertThat(decider.decide(s, T0.plusSeconds(59)).requeueAt()).contains(T0.plusSeconds(60));
    assertThat(decider.decide(s, T0.plusSeconds(60)).effect())
        .contains(new Effect.DeleteObject("uid-1"));
  }

  // ---- another request under the same name

  private static RunObject other(long generation, Integer ttl) {
    return object(spec(DesiredState.Canceled, "99", ttl), "uid-2", generation);
  }

  @Test
  void anObjectOfAnotherRequestIsNeitherRecordedNorAmendedNorExpired() {
    for (SnapshotBuilder row :
        List.of(
            ready().notRecorded(),
            ready(),
            bound().onNode("n1").pod(running("pod-1", "n1")),
            bound().finished(Verdict.SUCCEEDED))) {
      Decision decision = row.object(other(7, 60)).after(Duration.ofDays(9)).decide();
      assertThat(decision.effect()).isEmpty();
      assertThat(decision.status().orElseThrow().reason()).isEqualTo("NameAlreadyUsed");
    }
  }

  @Test
  void aRejectedObjectOfAnotherRequestHasItsOwnTimeToLive() {
    SnapshotBuilder row = bound().finished(Verdict.SUCCEEDED).object(other(1, 60));
    Decision first = row.after(Duration.ofDays(1)).decide();
    assertThat(first.requeueAt()).contains(T0.plus(Duration.ofDays(1)).plusSeconds(60));

    row.object(with(other(1, 60), first.status(), 1));
    assertThat(row.decide().requeueAt()).contains(T0.plus(Duration.ofDays(1)).plusSeconds(60));
    assertThat(row.after(Duration.ofDays(1).plusSeconds(60)).decide().effect())
        .contains(new Effect.DeleteObject("uid-2"));
  }

  // ---- no hot loop

  @Test
  void aDecisionWithoutAnEffectIsNotDueForRepetition() {
    for (SnapshotBuilder row :
        List.of(
            ready(),
            ready().notRecorded(),
            SnapshotBuilder.claimed(),
            bound(),
            bound().finished(Verdict.SUCCEEDED),
            bound().finished(Verdict.TASK_FAILED_PERMANENT))) {
      for (Integer ttl : new Integer[] {null, 0, 60}) {
        for (boolean deleting : new boolean[] {false, true}) {
          for (String delay : List.of("15", "99")) {
            for (Duration after : List.of(Duration.ZERO, Duration.ofSeconds(59), LATER)) {
              RunObject o =
                  new RunObject(
                      KEY,
                      delay.equals("15") ? "uid-1" : "uid-2",
                      1,
                      T0,
                      deleting,
                      false,
                      spec(DesiredState.Running, delay, ttl),
                      Optional.empty());
              assertFuture(row, o, after);
              RunObject shown = row.object(o).after(after).withStatus();
              assertFuture(
                  row,
                  new RunObject(KEY, o.uid(), 1, T0, deleting, false, o.spec(), shown.status()),
                  after.plus(Duration.ofSeconds(60)));
            }
          }
        }
      }
    }
  }

  private static void assertFuture(SnapshotBuilder row, RunObject o, Duration after) {
    Decision d = row.object(o).after(after).decide();
    if (d.effect().isEmpty() && d.requeueAt().isPresent()) {
      assertThat(d.requeueAt().get()).describedAs("%s", o).isAfter(T0.plus(after));
    }
  }
}
