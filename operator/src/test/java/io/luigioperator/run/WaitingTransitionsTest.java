/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import static io.luigioperator.run.RunFixture.finished;
import static io.luigioperator.run.RunFixture.ready;
import static io.luigioperator.run.SnapshotBuilder.T0;
import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What happens to a run that waits. */
class WaitingTransitionsTest {

  /** A run keeps the message of its backoff, and loses that of whatever it was held for. */
  @ParameterizedTest
  @CsvSource({
    "NamespaceMissing, the namespace is gone, 10, DELAYED, WaitingForTime, ''",
    "NamespaceMissing, the namespace is gone, 0, READY, '', ''",
    "BackingOff, after TaskFailed, 10, DELAYED, BackingOff, after TaskFailed",
  })
  void standingOfAReleasedRun(
      String heldFor,
      String heldMessage,
      long seconds,
      RunState state,
      String reason,
      String message) {
    Run ready = ready();
    Run later = ready.with(ready.times().withNotBefore(Optional.of(T0.plusSeconds(seconds))));
    Run held = WaitingTransitions.hold(later, heldFor, heldMessage).orElseThrow();

    Run released = WaitingTransitions.release(held, heldFor, Ageing.DEFAULT, T0).orElseThrow();

    assertThat(released.stateDetails())
        .isEqualTo(new Run.StateDetails(state, reason, message, false));
  }

  @Test
  void releaseNeedsTheReasonTheRunIsHeldFor() {
    Run held = WaitingTransitions.hold(ready(), Reasons.INTERNAL_ERROR, "message").orElseThrow();

    assertThat(WaitingTransitions.release(held, Reasons.NAMESPACE_MISSING, Ageing.DEFAULT, T0))
        .isEmpty();
  }

  @Test
  void onlyMassDeletionReplacesTheReasonOfAHold() {
    Run held = WaitingTransitions.hold(ready(), Reasons.INTERNAL_ERROR, "message").orElseThrow();

    assertThat(WaitingTransitions.hold(held, Reasons.NAMESPACE_MISSING, "")).isEmpty();
    Run again = WaitingTransitions.hold(held, Reasons.MASS_DELETION, "").orElseThrow();
    assertThat(again.stateDetails().reason()).isEqualTo(Reasons.MASS_DELETION);
  }

  @Test
  void runPastItsStartDeadlineFails() {
    Run run = SnapshotBuilder.ready().startDeadline(30).run();

    assertThat(WaitingTransitions.expire(run, T0.plusSeconds(29))).isEmpty();
    Run expired = WaitingTransitions.expire(run, T0.plusSeconds(30)).orElseThrow();
    assertThat(expired.state()).isEqualTo(RunState.FAILED);
    assertThat(expired.stateDetails().reason()).isEqualTo(Reasons.START_DEADLINE_EXCEEDED);
  }

  @Test
  void runThatCannotBeClaimedDoesNotStayTheHead() {
    Run late = SnapshotBuilder.ready().startDeadline(30).run();
    Run spent = ready().with(new Run.Budget(3, 3, 0, 0, 3, 5));

    Run expired = WaitingTransitions.expireOrHold(late, T0.plusSeconds(30)).orElseThrow();
    assertThat(expired.state()).isEqualTo(RunState.FAILED);
    assertThat(expired.stateDetails().reason()).isEqualTo(Reasons.START_DEADLINE_EXCEEDED);
    Run held = WaitingTransitions.expireOrHold(spent, T0).orElseThrow();
    assertThat(held.state()).isEqualTo(RunState.HELD);
    assertThat(held.stateDetails().reason()).isEqualTo(Reasons.INTERNAL_ERROR);
  }

  @Test
  void cancelEndsAWaitingRunAndFlagsALiveOne() {
    Run waiting = WaitingTransitions.cancel(ready(), Reasons.CANCELED, "", T0).orElseThrow();
    Run live =
        WaitingTransitions.cancel(RunFixture.bound().run(), Reasons.CANCELED, "", T0).orElseThrow();

    assertThat(waiting.state()).isEqualTo(RunState.CANCELED);
    assertThat(live.state()).isEqualTo(RunState.ACTIVE);
    assertThat(live.cancel()).isTrue();
    assertThat(WaitingTransitions.cancel(live, Reasons.DELETED, "", T0)).isEmpty();
  }

  @Test
  void terminalRunNeverChanges() {
    Run done = finished(Verdict.SUCCEEDED);
    Instant later = T0.plusSeconds(1_000_000);

    assertThat(WaitingTransitions.cancel(done, "", "", later)).isEmpty();
    assertThat(WaitingTransitions.due(done, later)).isEmpty();
    assertThat(WaitingTransitions.expire(done, later)).isEmpty();
    assertThat(WaitingTransitions.hold(done, "", "")).isEmpty();
    assertThat(WaitingTransitions.release(done, Reasons.COMPLETED, Ageing.DEFAULT, later))
        .isEmpty();
  }

  /** From a minute to ten, with up to half as much added. */
  @ParameterizedTest
  @CsvSource({"0, 60", "60, 60", "200, 200", "600, 600", "1000000, 600"})
  void theLongerARunHasWaitedTheLaterItsPipelineRunIsTriedAgain(long waited, long pause) {
    Instant now = ready().times().acceptedAt().plusSeconds(waited);

    Run postponed = WaitingTransitions.objectRefused(ready(), "denied", now).orElseThrow();

    assertThat(postponed.stateDetails())
        .isEqualTo(new Run.StateDetails(RunState.DELAYED, Reasons.OBJECT_REFUSED, "denied", false));
    Instant next = postponed.times().notBefore().orElseThrow();
    assertThat(next).isBetween(now.plusSeconds(pause), now.plusSeconds(pause + pause / 2));
    assertThat(WaitingTransitions.due(postponed, next.minusMillis(1))).isEmpty();
    Run due = WaitingTransitions.due(postponed, next).orElseThrow();
    assertThat(due.state()).isEqualTo(RunState.READY);
    assertThat(due.times().admitAt()).as("its place").isEqualTo(ready().times().admitAt());
  }

  @Test
  void onlyAReadyRunIsPostponed() {
    Run held = WaitingTransitions.hold(ready(), Reasons.HELD, "").orElseThrow();

    assertThat(WaitingTransitions.objectRefused(held, "", T0)).isEmpty();
    assertThat(WaitingTransitions.objectRefused(RunFixture.bound().run(), "", T0)).isEmpty();
    assertThat(WaitingTransitions.objectRefused(finished(Verdict.SUCCEEDED), "", T0)).isEmpty();
  }

  @Test
  void theDeletionOfAScheduleCancelsWhatIsHeldOrHasNotStarted() {
    Run started = ready().with(ready().times().started(T0));
    Run startedAndHeld = WaitingTransitions.hold(started, Reasons.HELD, "").orElseThrow();
    Run delayed = WaitingTransitions.objectRefused(ready(), "", T0).orElseThrow();
    Run held = WaitingTransitions.hold(ready(), Reasons.NAMESPACE_MISSING, "").orElseThrow();

    for (Run run : List.of(ready(), delayed, held, startedAndHeld)) {
      Run canceled =
          WaitingTransitions.cancelQueued(run, Reasons.SCHEDULE_DELETED, "gone", T0).orElseThrow();
      assertThat(canceled.stateDetails())
          .isEqualTo(
              new Run.StateDetails(RunState.CANCELED, Reasons.SCHEDULE_DELETED, "gone", true));
    }
    for (Run run :
        List.of(
            started,
            started.with(RunState.DELAYED, Reasons.BACKING_OFF, ""),
            started.with(RunState.HELD, Reasons.SCHEDULE_LIMIT, ""),
            RunFixture.bound().run(),
            finished(Verdict.SUCCEEDED))) {
      assertThat(WaitingTransitions.cancelQueued(run, "", "", T0)).isEmpty();
    }
  }
}
