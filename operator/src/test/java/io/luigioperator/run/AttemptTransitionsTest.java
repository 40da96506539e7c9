/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import static io.luigioperator.run.RunFixture.bound;
import static io.luigioperator.run.RunFixture.claimed;
import static io.luigioperator.run.RunFixture.ready;
import static io.luigioperator.run.SnapshotBuilder.T0;
import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** How an attempt begins, and what is noted about it. */
class AttemptTransitionsTest {

  private static final Instant LATER = T0.plusSeconds(60);

  @Test
  void claimCountsTheAttemptAndNamesItsJob() {
    RunAndAttempt claimed = claimed();

    assertThat(claimed.run().state()).isEqualTo(RunState.ACTIVE);
    assertThat(claimed.run().budget()).isEqualTo(new Run.Budget(1, 1, 0, 0, 3, 10));
    assertThat(claimed.attempt())
        .isEqualTo(
            Attempt.claimed(
                new Attempt.Claim(
                    new AttemptRef(SnapshotBuilder.KEY, 1, 1),
                    AttemptKind.RUN,
                    claimed.run().admitKey(),
                    "main",
                    "token-1",
                    "ua-20130115-a1",
                    T0)));
  }

  @ParameterizedTest
  @EnumSource(
      value = AttemptKind.class,
      names = {"PLAN", "CHECK"})
  void planAndCheckHoldAKeyForTheRunOnlyAndDoNotCount(AttemptKind kind) {
    Run ready = ready().withNextKind(kind);

    RunAndAttempt claimed = claimed(ready, 1, T0);

    assertThat(claimed.run().budget()).isEqualTo(new Run.Budget(1, 0, 0, 0, 3, 10));
    assertThat(claimed.attempt().kind()).isEqualTo(kind);
    assertThat(claimed.attempt().admitKey()).isEqualTo(AdmitKey.ofRun(ready.key()));
    assertThat(ready.mutexKey().isOfRun()).isFalse();
  }

  @Test
  void runPastItsStartDeadlineIsNotClaimed() {
    Run run = SnapshotBuilder.ready().startDeadline(30).run();

    assertThat(AttemptTransitions.claim(run, 1, "t", "main", T0.plusSeconds(29))).isPresent();
    assertThat(AttemptTransitions.claim(run, 1, "t", "main", T0.plusSeconds(30))).isEmpty();
  }

  @Test
  void runWithoutAttemptsLeftIsNotClaimed() {
    Run spent = ready().with(new Run.Budget(3, 3, 0, 0, 3, 5));

    assertThat(AttemptTransitions.claim(spent, 1, "t", "main", T0)).isEmpty();
    Run check = spent.withNextKind(AttemptKind.CHECK);
    assertThat(AttemptTransitions.claim(check, 1, "t", "main", T0)).isPresent();
  }

  @Test
  void onlyAReadyRunIsClaimed() {
    assertThat(AttemptTransitions.claim(claimed().run(), 2, "t", "main", T0)).isEmpty();
    assertThat(AttemptTransitions.claim(RunFixture.finished(Verdict.SUCCEEDED), 2, "t", "c", LATER))
        .isEmpty();
  }

  @Test
  void bindChoosesOnePodOnce() {
    RunAndAttempt bound = bound();

    assertThat(bound.attempt().binding()).contains(Attempt.Binding.of("job", "pod", T0));
    assertThat(bound.run().times().startedAt()).contains(T0);
    assertThat(AttemptTransitions.bind(bound.run(), bound.attempt(), "job", "other", LATER))
        .isEmpty();
  }

  @Test
  void canceledRunIsNotBound() {
    RunAndAttempt claimed = claimed();
    Run canceled = WaitingTransitions.cancel(claimed.run(), Reasons.CANCELED, "", T0).orElseThrow();

    assertThat(AttemptTransitions.bind(canceled, claimed.attempt(), "job", "pod", T0)).isEmpty();
  }

  @Test
  void onlyTheNewestAttemptIsBound() {
    Run retried = RunFixture.finished(Verdict.TASK_FAILED);
    Run ready = WaitingTransitions.due(retried, LATER).orElseThrow();
    Run again = claimed(ready, 2, LATER).run();

    assertThat(AttemptTransitions.bind(again, claimed().attempt(), "job", "pod", LATER)).isEmpty();
  }

  @Test
  void nodeIsRecordedAgainOnlyWhenItDiffers() {
    Attempt placed =
        AttemptTransitions.recordNode(bound().attempt(), "pod", "node-1").orElseThrow();

    assertThat(placed.node()).contains("node-1");
    assertThat(AttemptTransitions.recordNode(placed, "pod", "node-1")).isEmpty();
    assertThat(AttemptTransitions.recordNode(placed, "pod", "node-2")).isPresent();
  }

  @Test
  void firstStopReasonStays() {
    Attempt stopping =
        AttemptTransitions.markForStop(
                bound().attempt(), "pod", FailureCause.UNSCHEDULABLE, "no node fits")
            .orElseThrow();

    assertThat(stopping.stopReason())
        .contains(new Attempt.StopReason(FailureCause.UNSCHEDULABLE, "no node fits"));
    assertThat(AttemptTransitions.markForStop(stopping, "pod", FailureCause.IMAGE_PULL, "other"))
        .isEmpty();
  }

  @Test
  void missingSinceIsTheTimeOfTheFirstObservation() {
    Attempt missing = AttemptTransitions.markPodMissing(bound().attempt(), "pod", T0).orElseThrow();

    assertThat(missing.missingSince()).contains(T0);
    assertThat(AttemptTransitions.markPodMissing(missing, "pod", LATER)).isEmpty();
    Attempt found = AttemptTransitions.clearPodMissing(missing, "pod").orElseThrow();
    assertThat(found.missingSince()).isEmpty();
    assertThat(AttemptTransitions.clearPodMissing(found, "pod")).isEmpty();
  }

  @Test
  void nothingIsNotedAboutAnotherPodOrAnEndedAttempt() {
    Attempt ended =
        bound().attempt().ended(new Attempt.End(T0, "Succeeded", "", OptionalInt.empty(), ""));

    for (Attempt attempt : new Attempt[] {claimed().attempt(), ended}) {
      assertThat(AttemptTransitions.recordNode(attempt, "pod", "node-1")).isEmpty();
      assertThat(AttemptTransitions.markPodMissing(attempt, "pod", T0)).isEmpty();
    }
    assertThat(AttemptTransitions.markForStop(bound().attempt(), "other", FailureCause.KILLED, ""))
        .isEqualTo(Optional.empty());
  }
}
