/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import static io.luigioperator.run.Instants.later;

import io.luigioperator.api.DesiredState;
import java.time.Instant;
import java.util.Optional;

/**
 * Applies an {@link Amendment} to a run. Priority, start time and start deadline have no effect
 * once the first attempt was bound.
 */
public final class AmendTransition {

  private AmendTransition() {}

  /** Empty when nothing changes. */
  public static Optional<Run> amend(Run run, Amendment a, Ageing ageing, Instant now) {
    if (run.state().isFinal()) {
      return Optional.empty();
    }
    boolean started = run.times().startedAt().isPresent();
    Run next =
        run.withDesired(a.desired(), started ? run.priority() : a.priority())
            .with(run.budget().withMaxAttempts(a.maxAttempts()));
    if (!started) {
      next = next.with(times(run, next, a, ageing));
      if (isBackingOff(run) && isPostponed(run, a)) {
        // from now on it waits for the user's time, which may be moved again in both directions
        next = next.with(run.state(), Reasons.WAITING_FOR_TIME, "");
      }
    }
    if (a.desired() == DesiredState.Canceled) {
      Run amended = next;
      next =
          WaitingTransitions.cancel(
                  next, Reasons.CANCELED, WaitingTransitions.CANCELED_BY_USER, now)
              .orElse(amended); // it is being canceled already
    } else if (run.state() != RunState.ACTIVE) {
      next = waiting(run, next, ageing, now);
    }
    return next.equals(run) ? Optional.empty() : Optional.of(next);
  }

  private static Run.Times times(Run before, Run next, Amendment a, Ageing ageing) {
    // notBeforeTime is the user's; it must not shorten a backoff of the operator
    boolean moved =
        isBackingOff(before)
            ? isPostponed(before, a)
            : !a.notBefore().equals(before.times().notBefore());
    Instant earliest = later(a.notBefore(), before.times().acceptedAt());
    Instant since = moved ? earliest : ageing.since(before.priority(), before.times().admitAt());
    return next.times()
        .withAdmitAt(ageing.admitAt(next.priority(), since))
        .withNotBefore(moved ? a.notBefore() : before.times().notBefore())
        .withStartDeadline(Instants.plusSeconds(earliest, a.startDeadlineSeconds()));
  }

  private static boolean isBackingOff(Run run) {
    return run.stateDetails().reason().equals(Reasons.BACKING_OFF);
  }

  /** Whether the run is to start later than its backoff ends. */
  private static boolean isPostponed(Run before, Amendment a) {
    return a.notBefore()
        .filter(t -> before.times().notBefore().filter(t::isAfter).isPresent())
        .isPresent();
  }

  private static Run waiting(Run before, Run next, Ageing ageing, Instant now) {
    if (next.budget().counted() >= next.budget().maxAttempts()) {
      return next.ended(
          RunState.FAILED,
          Reasons.ATTEMPTS_EXHAUSTED,
          "spec.maxAttempts was lowered, and %d attempts have been made"
              .formatted(next.budget().counted()),
          now);
    }
    boolean held = before.state() == RunState.HELD;
    // a user who sets Held and then Running confirms that the cause of the error was removed
    boolean confirmed =
        held
            && before.stateDetails().reason().equals(Reasons.INTERNAL_ERROR)
            && before.desired() == DesiredState.Held
            && next.desired() == DesiredState.Running;
    if (held
        && !confirmed
        && !before.waitsForLimit()
        && !before.stateDetails().reason().equals(Reasons.HELD)) {
      return next; // held for a reason that a new desired state does not remove
    }
    return held && !before.waitsForLimit() && next.desired() == DesiredState.Running
        ? WaitingTransitions.released(next, ageing, now)
        : WaitingTransitions.waiting(next, now);
  }
}
