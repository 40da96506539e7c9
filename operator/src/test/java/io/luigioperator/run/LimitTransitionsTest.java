/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import static io.luigioperator.run.RunFixture.bound;
import static io.luigioperator.run.RunFixture.finished;
import static io.luigioperator.run.RunFixture.ready;
import static io.luigioperator.run.SnapshotBuilder.T0;
import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.api.DesiredState;
import io.luigioperator.api.Priority;
import java.time.Instant;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

/** When a run waits for the limit of its schedule, and when it counts against it. */
class LimitTransitionsTest {

  private static Run waiting() {
    return LimitTransitions.accepted(ready());
  }

  private static Run with(Run run, RunState state, String reason) {
    return run.with(state, reason, "");
  }

  @Test
  void runsThatMayTakeASlotCountAndSoDoRetries() {
    assertThat(ready().countsAgainstLimit()).isTrue();
    assertThat(bound().run().countsAgainstLimit()).isTrue();
    assertThat(finished(Verdict.TASK_FAILED).countsAgainstLimit()).isTrue();
    assertThat(with(ready(), RunState.DELAYED, Reasons.WAITING_FOR_TIME).countsAgainstLimit())
        .isFalse();
    assertThat(with(ready(), RunState.HELD, Reasons.HELD).countsAgainstLimit()).isFalse();
    assertThat(waiting().countsAgainstLimit()).isFalse();
    assertThat(finished(Verdict.SUCCEEDED).countsAgainstLimit()).isFalse();
  }

  @Test
  void onlyARunThatWouldBeReadyWaits() {
    assertThat(waiting().stateDetails())
        .isEqualTo(new Run.StateDetails(RunState.HELD, "ScheduleLimit", "", false));
    assertThat(waiting().times()).isEqualTo(ready().times());
    Run held = with(ready(), RunState.HELD, Reasons.HELD);
    assertThat(LimitTransitions.accepted(held)).isEqualTo(held);
    Run delayed = with(ready(), RunState.DELAYED, Reasons.WAITING_FOR_TIME);
    assertThat(LimitTransitions.accepted(delayed)).isEqualTo(delayed);
  }

  @Test
  void aRetryGoesOnAndARunThatWasToStartLaterWaits() {
    Run retry = finished(Verdict.TASK_FAILED);
    Instant end = retry.times().notBefore().orElseThrow();
    Run again = WaitingTransitions.due(retry, end).orElseThrow();
    assertThat(LimitTransitions.changed(retry, again).state()).isEqualTo(RunState.READY);

    Run later = with(ready(), RunState.DELAYED, Reasons.WAITING_FOR_TIME);
    Run due = WaitingTransitions.due(later, T0).orElseThrow();
    assertThat(due.state()).isEqualTo(RunState.READY);
    assertThat(LimitTransitions.changed(later, due).waitsForLimit()).isTrue();
  }

  @Test
  void aReleasedRunKeepsItsPlaceInTheOrderOfAdmission() {
    Run released = LimitTransitions.release(waiting(), T0.plusSeconds(7200)).orElseThrow();

    assertThat(released).isEqualTo(ready());
  }

  @Test
  void whatDoesNotWaitForTheLimitIsNotReleased() {
    assertThat(LimitTransitions.release(ready(), T0)).isEmpty();
    assertThat(LimitTransitions.release(with(ready(), RunState.HELD, Reasons.HELD), T0)).isEmpty();
    assertThat(LimitTransitions.release(finished(Verdict.SUCCEEDED), T0)).isEmpty();
  }

  @Test
  void onlyAReadyRunIsHeld() {
    assertThat(LimitTransitions.hold(ready())).contains(waiting());
    assertThat(LimitTransitions.hold(bound().run())).isEmpty();
    assertThat(LimitTransitions.hold(finished(Verdict.TASK_FAILED))).isEmpty();
    assertThat(LimitTransitions.hold(waiting())).isEmpty();
  }

  @Test
  void usersChangeARunThatWaits() {
    Instant later = T0.plusSeconds(60);
    Run held = amended(waiting(), DesiredState.Held, Optional.empty());
    assertThat(held.stateDetails().reason()).isEqualTo(Reasons.HELD);
    Run postponed = amended(waiting(), DesiredState.Running, Optional.of(later));
    assertThat(postponed.stateDetails().reason()).isEqualTo(Reasons.WAITING_FOR_TIME);
    assertThat(amended(waiting(), DesiredState.Canceled, Optional.empty()).state())
        .isEqualTo(RunState.CANCELED);
    assertThat(
            LimitTransitions.changed(
                waiting(), amended(waiting(), DesiredState.Running, Optional.empty())))
        .isEqualTo(waiting());
  }

  private static Run amended(Run run, DesiredState desired, Optional<Instant> notBefore) {
    Amendment amendment =
        new Amendment(
            desired, Priority.Normal, notBefore, OptionalLong.empty(), run.budget().maxAttempts());
    return AmendTransition.amend(run, amendment, Ageing.DEFAULT, T0).orElse(run);
  }
}
