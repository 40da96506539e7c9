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

/** How a run follows the mutable fields of its PipelineRun. */
class AmendTransitionTest {

  @Test
  void priorityMovesAWaitingRunAndNotAStartedOne() {
    Amendment high = amendment(DesiredState.Running, Priority.High, 3);

    Run moved = AmendTransition.amend(ready(), high, Ageing.DEFAULT, T0).orElseThrow();

    assertThat(moved.times().admitAt()).isEqualTo(T0.minusSeconds(4 * 3600));
    assertThat(AmendTransition.amend(bound().run(), high, Ageing.DEFAULT, T0)).isEmpty();
  }

  @Test
  void placeInTheOrderOfAReleasedRunCountsFromItsRelease() {
    Run held =
        AmendTransition.amend(
                ready(), amendment(DesiredState.Held, Priority.Normal, 3), Ageing.DEFAULT, T0)
            .orElseThrow();
    assertThat(held.state()).isEqualTo(RunState.HELD);

    Instant later = T0.plusSeconds(7200);
    Run again =
        AmendTransition.amend(
                held, amendment(DesiredState.Running, Priority.Normal, 3), Ageing.DEFAULT, later)
            .orElseThrow();
    assertThat(again.state()).isEqualTo(RunState.READY);
    assertThat(again.times().admitAt()).isEqualTo(later.minusSeconds(3600));
  }

  @Test
  void heldAndThenRunningReleasesARunThatFailedInternally() {
    Run broken = WaitingTransitions.hold(ready(), Reasons.INTERNAL_ERROR, "").orElseThrow();
    Amendment running = amendment(DesiredState.Running, Priority.Normal, 4);
    Amendment held = amendment(DesiredState.Held, Priority.Normal, 3);

    Run still = AmendTransition.amend(broken, running, Ageing.DEFAULT, T0).orElseThrow();
    assertThat(still.stateDetails().reason()).isEqualTo(Reasons.INTERNAL_ERROR);
    Run noticed = AmendTransition.amend(broken, held, Ageing.DEFAULT, T0).orElseThrow();
    assertThat(noticed.stateDetails().reason()).isEqualTo(Reasons.INTERNAL_ERROR);
    assertThat(AmendTransition.amend(noticed, running, Ageing.DEFAULT, T0).orElseThrow().state())
        .isEqualTo(RunState.READY);
  }

  @Test
  void waitingRunFailsWhenMaxAttemptsIsLoweredToWhatItHasUsed() {
    Run delayed = finished(Verdict.TASK_FAILED);

    Run next =
        AmendTransition.amend(
                delayed, amendment(DesiredState.Running, Priority.Normal, 1), Ageing.DEFAULT, T0)
            .orElseThrow();
    assertThat(next.state()).isEqualTo(RunState.FAILED);
    assertThat(next.stateDetails().reason()).isEqualTo(Reasons.ATTEMPTS_EXHAUSTED);
  }

  @Test
  void terminalRunNeverChanges() {
    assertThat(
            AmendTransition.amend(
                finished(Verdict.SUCCEEDED),
                amendment(DesiredState.Canceled, Priority.Low, 9),
                Ageing.DEFAULT,
                T0.plusSeconds(1_000_000)))
        .isEmpty();
  }

  @Test
  void postponingWinsOverABackoffBeforeTheFirstStart() {
    Run backingOff = abandoned();
    Instant end = backingOff.times().notBefore().orElseThrow();
    Instant tomorrow = T0.plusSeconds(86_400);

    Run postponed = amended(backingOff, tomorrow);
    assertThat(postponed.state()).isEqualTo(RunState.DELAYED);
    assertThat(postponed.stateDetails().reason()).isEqualTo(Reasons.WAITING_FOR_TIME);
    assertThat(postponed.times().notBefore()).contains(tomorrow);
    assertThat(postponed.times().admitAt()).isEqualTo(tomorrow.minusSeconds(3600));

    Run earlier = amended(postponed, end.plusSeconds(1));
    assertThat(earlier.times().notBefore()).as("moved back").contains(end.plusSeconds(1));

    Run unchanged = amended(backingOff, end.minusSeconds(1));
    assertThat(unchanged.times().notBefore()).as("not shortened").contains(end);
    assertThat(unchanged.stateDetails().reason()).isEqualTo(Reasons.BACKING_OFF);
  }

  /** It backs off, and no attempt was ever bound. */
  private static Run abandoned() {
    RunAndAttempt claimed = RunFixture.claimed();
    return EndTransitions.abandon(
            claimed.run(),
            claimed.attempt(),
            new Abandonment(
                Reasons.LAUNCH_REFUSED, "quota", Abandonment.BudgetCharge.INFRASTRUCTURE),
            SnapshotBuilder.POLICY,
            T0)
        .orElseThrow()
        .run();
  }

  private static Run amended(Run run, Instant notBefore) {
    Amendment amendment =
        new Amendment(
            DesiredState.Running,
            Priority.Normal,
            Optional.of(notBefore),
            OptionalLong.empty(),
            run.budget().maxAttempts());
    return AmendTransition.amend(run, amendment, Ageing.DEFAULT, T0).orElse(run);
  }

  private static Amendment amendment(DesiredState desired, Priority priority, int maxAttempts) {
    return new Amendment(desired, priority, Optional.empty(), OptionalLong.empty(), maxAttempts);
  }
}
