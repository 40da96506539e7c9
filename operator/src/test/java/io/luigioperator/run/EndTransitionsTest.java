/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import static io.luigioperator.run.RunFixture.bound;
import static io.luigioperator.run.RunFixture.claimed;
import static io.luigioperator.run.RunFixture.ending;
import static io.luigioperator.run.RunFixture.finished;
import static io.luigioperator.run.RunFixture.ready;
import static io.luigioperator.run.SnapshotBuilder.POLICY;
import static io.luigioperator.run.SnapshotBuilder.T0;
import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.run.Abandonment.BudgetCharge;
import java.time.Instant;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** The retry rule. */
class EndTransitionsTest {

  @ParameterizedTest
  @EnumSource(Verdict.class)
  void verdictIsHandledByItsTreatment(Verdict verdict) {
    Run next = finished(verdict);

    switch (verdict.treatment()) {
      case DONE -> assertThat(next.state()).isEqualTo(RunState.SUCCEEDED);
      case STOP -> assertThat(next.state()).isEqualTo(RunState.FAILED);
      case RETRY, RETRY_ONCE -> {
        assertThat(next.state()).isEqualTo(RunState.DELAYED);
        assertThat(next.budget().counted()).isEqualTo(1);
        assertThat(next.times().notBefore()).contains(T0.plusSeconds(60));
      }
      case RETRY_UNCOUNTED, CONTINUE -> {
        assertThat(next.state()).isEqualTo(RunState.DELAYED);
        assertThat(next.budget()).isEqualTo(new Run.Budget(1, 0, 0, 1, 3, 10));
        assertThat(next.times().notBefore()).contains(T0.plusSeconds(60));
      }
      case INFRASTRUCTURE -> throw new AssertionError("no verdict is infrastructure");
    }
  }

  @ParameterizedTest
  @EnumSource(FailureCause.class)
  void infrastructureFailureDoesNotCountAsAnAttempt(FailureCause cause) {
    Run next = finished(cause);

    switch (cause.treatment()) {
      case INFRASTRUCTURE -> assertThat(next.budget()).isEqualTo(new Run.Budget(1, 0, 1, 0, 3, 10));
      case STOP -> assertThat(next.state()).isEqualTo(RunState.FAILED);
      case RETRY -> assertThat(next.budget().counted()).isEqualTo(1);
      case DONE, RETRY_ONCE, RETRY_UNCOUNTED, CONTINUE ->
          throw new AssertionError("not a treatment of failure causes");
    }
  }

  @ParameterizedTest
  @CsvSource({"TASK_FAILED,3", "SCHEDULING_ERROR,3", "INTERNAL_ERROR,2", "UNVERIFIED,1"})
  void repeatedVerdictFailsTheRunAfter(Verdict verdict, int attempts) {
    assertThat(attemptsUntilTerminal(verdict)).isEqualTo(attempts);
  }

  @Test
  void infrastructureFailuresHaveTheirOwnBudget() {
    assertThat(attemptsUntilTerminal(FailureCause.NODE_LOST)).isEqualTo(11);
  }

  @ParameterizedTest
  @EnumSource(names = {"DRAINED", "RANGE_CUT"})
  void uncountedVerdictsAreBounded(Verdict verdict) {
    assertThat(attemptsUntilTerminal(verdict)).isEqualTo(EndTransitions.MAX_UNCOUNTED + 1);
  }

  @ParameterizedTest
  @CsvSource({"DRAINED, 120", "RANGE_CUT, 60"})
  void backoffGrowsOnlyAfterAFailure(Verdict verdict, long seconds) {
    Run once = finished(verdict);
    Instant now = once.times().notBefore().orElseThrow();
    Run ready = WaitingTransitions.due(once, now).orElseThrow();

    Run twice = finished(bound(claimed(ready, 2, now), now), verdict, 0, now);

    assertThat(twice.times().notBefore()).contains(now.plusSeconds(seconds));
  }

  @Test
  void successWinsOverALateCancel() {
    RunAndAttempt bound = bound();
    Run flagged = WaitingTransitions.cancel(bound.run(), Reasons.CANCELED, "", T0).orElseThrow();
    RunAndAttempt canceled = new RunAndAttempt(flagged, bound.attempt());

    assertThat(finished(canceled, Verdict.SUCCEEDED).state()).isEqualTo(RunState.SUCCEEDED);
    assertThat(finished(canceled, Verdict.TASK_FAILED).state()).isEqualTo(RunState.CANCELED);
  }

  @Test
  void retryIsHeldWhenThePipelineRunIsGone() {
    RunAndAttempt m = bound();
    Run next =
        EndTransitions.finish(
                m.run(),
                m.attempt(),
                "pod",
                ending(FailureCause.POD_DELETED),
                POLICY,
                0,
                Presence.MISSING,
                T0)
            .orElseThrow()
            .run();

    assertThat(next.state()).isEqualTo(RunState.HELD);
    assertThat(next.stateDetails().reason()).isEqualTo(Reasons.DELETION_UNCONFIRMED);
  }

  @Test
  void stopReasonIsTheCauseWhateverTheStoppedPodReports() {
    RunAndAttempt m = bound();
    Attempt stopping =
        AttemptTransitions.markForStop(
                m.attempt(), "pod", FailureCause.IMAGE_USER_NOT_NUMERIC, "a hint")
            .orElseThrow();

    Run next = finished(new RunAndAttempt(m.run(), stopping), FailureCause.KILLED);

    assertThat(next.state()).isEqualTo(RunState.FAILED);
    assertThat(next.stateDetails().reason()).isEqualTo("ImageUserNotNumeric");
    assertThat(next.stateDetails().message()).isEqualTo("a hint");
  }

  @Test
  void endOfAnUnboundPodEndsNothing() {
    RunAndAttempt m = bound();

    assertThat(
            EndTransitions.finish(
                m.run(),
                m.attempt(),
                "other",
                ending(Verdict.SUCCEEDED),
                POLICY,
                0,
                Presence.PRESENT,
                T0))
        .isEmpty();
  }

  @ParameterizedTest
  @CsvSource({"NONE, 0", "INFRASTRUCTURE, 1"})
  void abandonedAttemptGivesItsCountBack(BudgetCharge charge, int infra) {
    RunAndAttempt claimed = claimed();
    Abandonment why = new Abandonment(Reasons.POD_GONE_BEFORE_START, "message", charge);

    RunAndAttempt abandoned =
        EndTransitions.abandon(claimed.run(), claimed.attempt(), why, POLICY, T0).orElseThrow();

    assertThat(abandoned.attempt().end().orElseThrow().reason())
        .isEqualTo(Reasons.POD_GONE_BEFORE_START);
    assertThat(abandoned.run().state()).isEqualTo(RunState.DELAYED);
    assertThat(abandoned.run().budget()).isEqualTo(new Run.Budget(1, 0, infra, 0, 3, 10));
    assertThat(abandoned.run().times().notBefore()).contains(T0.plusSeconds(60));
  }

  @ParameterizedTest
  @CsvSource({"NONE, 0", "INFRASTRUCTURE, 1"})
  void abandonedCheckHasNoCountToGiveBack(BudgetCharge charge, int infra) {
    RunAndAttempt claimed = claimed(ready().withNextKind(AttemptKind.CHECK), 1, T0);
    Abandonment why = new Abandonment(Reasons.POD_GONE_BEFORE_START, "message", charge);

    Run next =
        EndTransitions.abandon(claimed.run(), claimed.attempt(), why, POLICY, T0)
            .orElseThrow()
            .run();

    assertThat(next.budget()).isEqualTo(new Run.Budget(1, 0, infra, 0, 3, 10));
    assertThat(next.nextKind()).isEqualTo(AttemptKind.CHECK);
  }

  @ParameterizedTest
  @EnumSource(
      value = AttemptKind.class,
      names = {"PLAN", "CHECK"})
  void successOfPlanOrCheckLeadsToTheRunAttempt(AttemptKind kind) {
    RunAndAttempt bound = bound(kind);

    Run next = finished(bound, Verdict.SUCCEEDED);

    assertThat(next.state()).isEqualTo(RunState.DELAYED);
    assertThat(next.times().notBefore()).contains(T0);
    assertThat(next.admitKey()).isEqualTo(next.mutexKey());
    Run ready = WaitingTransitions.due(next, T0).orElseThrow();
    assertThat(claimed(ready, 2, T0).run().budget()).isEqualTo(new Run.Budget(2, 1, 0, 0, 3, 10));
  }

  @Test
  void successOfACheckDoesNotWinOverACancel() {
    RunAndAttempt bound = bound(AttemptKind.CHECK);
    Run flagged = WaitingTransitions.cancel(bound.run(), Reasons.CANCELED, "", T0).orElseThrow();

    Run next = finished(new RunAndAttempt(flagged, bound.attempt()), Verdict.SUCCEEDED);

    assertThat(next.state()).isEqualTo(RunState.CANCELED);
  }

  @ParameterizedTest
  @CsvSource({"TASK_FAILED, 21", "NODE_LOST, 11"})
  void failuresOfACheckAreBoundedAndDoNotCount(String cause, int attempts) {
    EndCause failure = cause.equals("NODE_LOST") ? FailureCause.NODE_LOST : Verdict.valueOf(cause);
    Run run = terminal(ready().withNextKind(AttemptKind.CHECK), failure);

    assertThat(run.budget().claims()).isEqualTo(attempts);
    assertThat(run.budget().counted()).isZero();
  }

  @Test
  void boundAttemptIsNotAbandoned() {
    RunAndAttempt bound = bound();
    Abandonment why = new Abandonment(Reasons.POD_GONE_BEFORE_START, "message", BudgetCharge.NONE);

    assertThat(EndTransitions.abandon(bound.run(), bound.attempt(), why, POLICY, T0)).isEmpty();
  }

  private static int attemptsUntilTerminal(EndCause cause) {
    return terminal(ready(), cause).budget().claims();
  }

  private static Run terminal(Run ready, EndCause cause) {
    Run run = ready;
    int attempts = 0;
    while (!run.state().isFinal()) {
      Instant now = run.times().notBefore().orElse(T0);
      run = WaitingTransitions.due(run, now).orElse(run);
      run = finished(bound(claimed(run, attempts + 1, now), now), cause, attempts, now);
      attempts++;
    }
    return run;
  }
}
