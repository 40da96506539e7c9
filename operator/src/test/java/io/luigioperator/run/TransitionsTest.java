/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import static io.luigioperator.run.SnapshotBuilder.POLICY;
import static io.luigioperator.run.SnapshotBuilder.T0;
import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.api.DesiredState;
import io.luigioperator.api.Priority;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** The retry rule and the order of admission, on rows alone. */
class TransitionsTest {

  @ParameterizedTest
  @EnumSource(Verdict.class)
  void everyVerdictIsTreatedAsItsTableSays(Verdict verdict) {
    Run next = finishedOnce(verdict);

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
  void infrastructureDoesNotUseUpTheUsersAttempts(FailureCause cause) {
    Run next = finishedOnce(cause);

    switch (cause.treatment()) {
      case INFRASTRUCTURE -> assertThat(next.budget()).isEqualTo(new Run.Budget(1, 0, 1, 0, 3, 10));
      case STOP -> assertThat(next.state()).isEqualTo(RunState.FAILED);
      case RETRY -> assertThat(next.budget().counted()).isEqualTo(1);
      case DONE, RETRY_ONCE, RETRY_UNCOUNTED, CONTINUE ->
          throw new AssertionError("not a cause's treatment");
    }
  }

  @ParameterizedTest
  @CsvSource({"TASK_FAILED,3", "SCHEDULING_ERROR,3", "INTERNAL_ERROR,2", "UNVERIFIED,1"})
  void aVerdictThatRepeatsEndsTheRunAfter(Verdict verdict, int attempts) {
    assertThat(attemptsUntilTheEnd(verdict)).isEqualTo(attempts);
  }

  @Test
  void infrastructureHasABudgetOfItsOwn() {
    assertThat(attemptsUntilTheEnd(FailureCause.NODE_LOST)).isEqualTo(11);
  }

  @ParameterizedTest
  @EnumSource(names = {"DRAINED", "RANGE_CUT"})
  void verdictsThatDoNotCountAreBounded(Verdict verdict) {
    assertThat(attemptsUntilTheEnd(verdict)).isEqualTo(Transitions.MAX_UNCOUNTED + 1);
  }

  @ParameterizedTest
  @CsvSource({"DRAINED, 120", "RANGE_CUT, 60"})
  void onlyWhatFailedWaitsLongerEachTime(Verdict verdict, long seconds) {
    Run once = finishedOnce(verdict);
    Instant now = once.times().notBefore().orElseThrow();
    Transitions.RunAndAttempt claimed =
        Transitions.claim(Transitions.due(once, now).orElseThrow(), 2, "t2", "main", now)
            .orElseThrow();
    Transitions.RunAndAttempt bound =
        Transitions.bind(claimed.run(), claimed.attempt(), "job", "pod", now).orElseThrow();

    assertThat(finish(bound.run(), bound.attempt(), verdict).times().notBefore())
        .contains(T0.plusSeconds(seconds));
  }

  @Test
  void aSuccessBeatsACancelThatCameTooLate() {
    Run canceled = Transitions.cancel(bound().run(), Reasons.CANCELED, "", T0).orElseThrow();

    assertThat(finish(canceled, bound().attempt(), Verdict.SUCCEEDED).state())
        .isEqualTo(RunState.SUCCEEDED);
    assertThat(finish(canceled, bound().attempt(), Verdict.TASK_FAILED).state())
        .isEqualTo(RunState.CANCELED);
  }

  @Test
  void aRetryIsParkedWhenTheObjectIsGone() {
    Transitions.RunAndAttempt m = bound();
    Run next =
        Transitions.finish(
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
    assertThat(next.standing().reason()).isEqualTo(Reasons.DELETION_UNCONFIRMED);
  }

  @Test
  void aStopOfOursIsTheCauseWhateverTheDyingPodSays() {
    Transitions.RunAndAttempt m = bound();
    Attempt stopping =
        Transitions.markForStop(m.attempt(), "pod", FailureCause.IMAGE_USER, "a hint")
            .orElseThrow();

    Run next = finish(m.run(), stopping, FailureCause.KILLED);

    assertThat(next.state()).isEqualTo(RunState.FAILED);
    assertThat(next.standing().reason()).isEqualTo("ImageUserNotNumeric");
    assertThat(next.standing().message()).isEqualTo("a hint");
  }

  @Test
  void anotherPodThanTheBoundOneEndsNothing() {
    Transitions.RunAndAttempt m = bound();

    assertThat(
            Transitions.finish(
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

  @Test
  void backoffDoublesUpToItsBound() {
    RetryPolicy policy = new RetryPolicy(Duration.ofSeconds(5), Duration.ofSeconds(60));

    assertThat(policy.delayAfter(1)).hasSeconds(5);
    assertThat(policy.delayAfter(3)).hasSeconds(20);
    assertThat(policy.delayAfter(5)).hasSeconds(60);
    assertThat(policy.delayAfter(1000)).hasSeconds(60);
  }

  @Test
  void aHigherClassOvertakesOnlyWithinItsHeadStart() {
    Instant normal = Ageing.DEFAULT.admitAt(Priority.Normal, T0);

    assertThat(Ageing.DEFAULT.admitAt(Priority.High, T0.plusSeconds(3 * 3600 - 1)))
        .isBefore(normal);
    assertThat(Ageing.DEFAULT.admitAt(Priority.High, T0.plusSeconds(3 * 3600 + 1))).isAfter(normal);
  }

  @Test
  void amendingThePriorityMovesAWaitingRunAndNotAStartedOne() {
    Run waiting = SnapshotBuilder.ready().run();
    Amendment high = amendment(DesiredState.Running, Priority.High, 3);

    Run moved = Transitions.amend(waiting, high, Ageing.DEFAULT, T0).orElseThrow();
    assertThat(moved.times().admitAt()).isEqualTo(T0.minusSeconds(4 * 3600));
    assertThat(Transitions.amend(bound().run(), high, Ageing.DEFAULT, T0)).isEmpty();
  }

  @Test
  void holdingAndLettingGoQueuesAnew() {
    Run waiting = SnapshotBuilder.ready().run();
    Run held =
        Transitions.amend(
                waiting, amendment(DesiredState.Held, Priority.Normal, 3), Ageing.DEFAULT, T0)
            .orElseThrow();
    assertThat(held.state()).isEqualTo(RunState.HELD);

    Instant later = T0.plusSeconds(7200);
    Run again =
        Transitions.amend(
                held, amendment(DesiredState.Running, Priority.Normal, 3), Ageing.DEFAULT, later)
            .orElseThrow();
    assertThat(again.state()).isEqualTo(RunState.READY);
    assertThat(again.times().admitAt()).isEqualTo(later.minusSeconds(3600));
  }

  /** A run keeps the words of its backoff, and loses those of whatever held it. */
  @ParameterizedTest
  @CsvSource({
    "NamespaceMissing, the namespace is gone, 10, DELAYED, WaitingForTime, ''",
    "NamespaceMissing, the namespace is gone, 0, READY, '', ''",
    "BackingOff, after TaskFailed, 10, DELAYED, BackingOff, after TaskFailed",
  })
  void wordsOfARunThatWaitsAgain(
      String heldFor, String words, long seconds, RunState state, String reason, String message) {
    Run ready = SnapshotBuilder.ready().run();
    Run later = ready.with(ready.times().withNotBefore(Optional.of(T0.plusSeconds(seconds))));
    Run held = Transitions.hold(later, heldFor, words).orElseThrow();

    Run released = Transitions.release(held, heldFor, Ageing.DEFAULT, T0).orElseThrow();

    assertThat(released.standing()).isEqualTo(new Run.Standing(state, reason, message, false));
  }

  @Test
  void loweringMaxAttemptsToWhatWasUsedEndsAWaitingRun() {
    Run delayed = finishedOnce(Verdict.TASK_FAILED);

    Run next =
        Transitions.amend(
                delayed, amendment(DesiredState.Running, Priority.Normal, 1), Ageing.DEFAULT, T0)
            .orElseThrow();
    assertThat(next.state()).isEqualTo(RunState.FAILED);
    assertThat(next.standing().reason()).isEqualTo(Reasons.ATTEMPTS_EXHAUSTED);
  }

  @Test
  void aRunThatIsLateIsNotClaimedAnyMore() {
    Run run = SnapshotBuilder.ready().startDeadline(30).run();

    assertThat(Transitions.claim(run, 1, "t", "main", T0.plusSeconds(29))).isPresent();
    assertThat(Transitions.claim(run, 1, "t", "main", T0.plusSeconds(30))).isEmpty();
    assertThat(Transitions.expire(run, T0.plusSeconds(30)).orElseThrow().standing().reason())
        .isEqualTo(Reasons.START_DEADLINE_EXCEEDED);
  }

  @Test
  void whoCannotBeClaimedLeavesTheHeadOfTheLine() {
    Run late = SnapshotBuilder.ready().startDeadline(30).run();
    Run spent = SnapshotBuilder.ready().run().with(new Run.Budget(3, 3, 0, 0, 3, 5));

    Run expired = Transitions.park(late, T0.plusSeconds(30)).orElseThrow();
    assertThat(expired.state()).isEqualTo(RunState.FAILED);
    assertThat(expired.standing().reason()).isEqualTo(Reasons.START_DEADLINE_EXCEEDED);
    Run held = Transitions.park(spent, T0).orElseThrow();
    assertThat(held.state()).isEqualTo(RunState.HELD);
    assertThat(held.standing().reason()).isEqualTo(Reasons.INTERNAL_ERROR);
  }

  @Test
  void nothingLeadsOutOfTheEnd() {
    Run done = finishedOnce(Verdict.SUCCEEDED);
    Instant later = T0.plusSeconds(1_000_000);

    assertThat(Transitions.cancel(done, "", "", later)).isEmpty();
    assertThat(Transitions.due(done, later)).isEmpty();
    assertThat(Transitions.expire(done, later)).isEmpty();
    assertThat(Transitions.hold(done, "", "")).isEmpty();
    assertThat(Transitions.release(done, Reasons.COMPLETED, Ageing.DEFAULT, later)).isEmpty();
    assertThat(Transitions.claim(done, 9, "t", "c", later)).isEmpty();
    assertThat(
            Transitions.amend(
                done, amendment(DesiredState.Canceled, Priority.Low, 9), Ageing.DEFAULT, later))
        .isEmpty();
  }

  private static Run finishedOnce(EndCause cause) {
    Transitions.RunAndAttempt m = bound();
    return finish(m.run(), m.attempt(), cause);
  }

  private static int attemptsUntilTheEnd(EndCause cause) {
    Run run = SnapshotBuilder.ready().run();
    int attempts = 0;
    while (!run.state().isTerminal()) {
      Instant now = run.times().notBefore().orElse(T0);
      run = Transitions.due(run, now).orElse(run);
      Transitions.RunAndAttempt claimed =
          Transitions.claim(run, attempts + 1, "t" + attempts, "main", now).orElseThrow();
      Transitions.RunAndAttempt m =
          Transitions.bind(claimed.run(), claimed.attempt(), "job", "pod", now).orElseThrow();
      run =
          Transitions.finish(
                  m.run(),
                  m.attempt(),
                  "pod",
                  ending(cause),
                  POLICY,
                  attempts,
                  Presence.PRESENT,
                  now)
              .orElseThrow()
              .run();
      attempts++;
    }
    return attempts;
  }

  private static Run finish(Run run, Attempt attempt, EndCause cause) {
    return Transitions.finish(run, attempt, "pod", ending(cause), POLICY, 0, Presence.PRESENT, T0)
        .orElseThrow()
        .run();
  }

  private static Transitions.RunAndAttempt bound() {
    Transitions.RunAndAttempt c =
        Transitions.claim(SnapshotBuilder.ready().run(), 1, "t", "main", T0).orElseThrow();
    return Transitions.bind(c.run(), c.attempt(), "job", "pod", T0).orElseThrow();
  }

  private static Ending ending(EndCause cause) {
    return new Ending(cause, OptionalInt.empty(), "words", "");
  }

  private static Amendment amendment(DesiredState desired, Priority priority, int maxAttempts) {
    return new Amendment(desired, priority, Optional.empty(), OptionalLong.empty(), maxAttempts);
  }
}
