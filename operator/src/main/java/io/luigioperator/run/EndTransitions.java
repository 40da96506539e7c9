/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import io.luigioperator.api.DesiredState;
import io.luigioperator.run.EndCause.Treatment;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * How an attempt ends, and the retry rule, which decides what its run does next. An empty result
 * means that the guard does not hold, or no longer, and that nothing is written.
 */
public final class EndTransitions {

  /**
   * The most attempts of a run whose verdict does not count (Drained, or a Range with more to do).
   */
  public static final int MAX_UNCOUNTED = 20;

  private EndTransitions() {}

  /**
   * Ends a bound attempt on evidence about its pod.
   *
   * @param sameBefore how many earlier attempts of this run ended with the same reason
   * @param presence whether the PipelineRun still exists
   */
  public static Optional<RunAndAttempt> finish(
      Run run,
      Attempt attempt,
      String podUid,
      Ending observed,
      RetryPolicy policy,
      int sameBefore,
      Presence presence,
      Instant now) {
    if (run.state() != RunState.ACTIVE
        || attempt.state() != AttemptState.BOUND
        || !attempt.isBoundTo(podUid)
        || attempt.number() != run.budget().claims()) {
      return Optional.empty();
    }
    Ending ending = attributed(attempt, observed);
    Attempt ended =
        attempt.ended(
            new Attempt.End(
                now,
                ending.cause().reason(),
                Message.bounded(ending.message()),
                ending.exitCode(),
                ending.terminationMessage()));
    return Optional.of(
        new RunAndAttempt(next(run, ending, policy, sameBefore, presence, now), ended));
  }

  /** A pod that the operator stopped ended for the recorded stop reason, unless it succeeded. */
  public static Ending attributed(Attempt attempt, Ending observed) {
    return observed.cause().treatment() == Treatment.DONE
        ? observed
        : attempt
            .stopReason()
            .map(
                s ->
                    new Ending(
                        s.cause(), observed.exitCode(), s.message(), observed.terminationMessage()))
            .orElse(observed);
  }

  /**
   * Ends an attempt that was claimed but never bound. Its run waits for the backoff and does not
   * become READY in this transaction.
   */
  public static Optional<RunAndAttempt> abandon(
      Run run, Attempt attempt, Abandonment why, RetryPolicy policy, Instant now) {
    if (run.state() != RunState.ACTIVE
        || attempt.state() != AttemptState.CLAIMED
        || attempt.number() != run.budget().claims()) {
      return Optional.empty();
    }
    String message = Message.bounded(why.message());
    Attempt ended =
        attempt.ended(new Attempt.End(now, why.reason(), message, OptionalInt.empty(), ""));
    Run.Budget b = run.budget();
    if (run.cancel()) {
      return Optional.of(
          new RunAndAttempt(run.with(b.givenBack(run.nextKind())).canceled(now), ended));
    }
    Run next =
        switch (why.charge()) {
          case NONE ->
              retry(
                  run.with(b.givenBack(run.nextKind())),
                  why.reason(),
                  message,
                  policy.delayAfter(1),
                  Presence.PRESENT,
                  now);
          case INFRASTRUCTURE ->
              infrastructureRetry(run, why.reason(), message, policy, Presence.PRESENT, now);
        };
    return Optional.of(new RunAndAttempt(next, ended));
  }

  // ---- the retry rule

  private static Run next(
      Run run, Ending ending, RetryPolicy policy, int sameBefore, Presence presence, Instant now) {
    String reason = ending.cause().reason();
    String message = Message.bounded(ending.message());
    Treatment treatment = ending.cause().treatment();
    boolean runs = run.nextKind() == AttemptKind.RUN;
    // The run succeeded before the cancel could stop it.
    if (run.cancel() && !(runs && treatment == Treatment.DONE)) {
      return run.canceled(now);
    }
    return switch (treatment) {
      case DONE ->
          runs
              ? run.ended(RunState.SUCCEEDED, Reasons.COMPLETED, message, now)
              : proceedToRun(run, presence, now);
      case STOP -> run.ended(RunState.FAILED, reason, message, now);
      case RETRY_ONCE ->
          sameBefore > 0
              ? run.ended(RunState.FAILED, reason, message, now)
              : countedRetry(run, reason, message, policy, presence, now);
      case RETRY -> countedRetry(run, reason, message, policy, presence, now);
      case RETRY_UNCOUNTED ->
          uncountedRetry(
              run, reason, message, policy.delayAfter(run.budget().uncounted() + 1), presence, now);
      case CONTINUE -> uncountedRetry(run, reason, message, policy.delayAfter(1), presence, now);
      case INFRASTRUCTURE -> infrastructureRetry(run, reason, message, policy, presence, now);
    };
  }

  /**
   * After a successful PLAN or CHECK. The run becomes READY in a later transaction, which locks the
   * mutex key: this one has locked only the key of the attempt.
   */
  private static Run proceedToRun(Run run, Presence presence, Instant now) {
    return delayed(run.withNextKind(AttemptKind.RUN), Reasons.WAITING_FOR_TIME, "", now, presence);
  }

  private static Run countedRetry(
      Run run, String reason, String message, RetryPolicy policy, Presence presence, Instant now) {
    Run.Budget b = run.budget();
    if (run.nextKind() != AttemptKind.RUN) {
      return uncountedRetry(
          run, reason, message, policy.delayAfter(b.uncounted() + 1), presence, now);
    }
    return b.counted() >= b.maxAttempts()
        ? run.ended(RunState.FAILED, reason, message, now)
        : retry(run, reason, message, policy.delayAfter(b.counted()), presence, now);
  }

  private static Run uncountedRetry(
      Run run, String reason, String message, Duration delay, Presence presence, Instant now) {
    Run.Budget b = run.budget();
    return b.uncounted() >= MAX_UNCOUNTED
        ? run.ended(RunState.FAILED, reason, message, now)
        : retry(
            run.with(b.givenBack(run.nextKind()).plusUncounted()),
            reason,
            message,
            delay,
            presence,
            now);
  }

  private static Run infrastructureRetry(
      Run run, String reason, String message, RetryPolicy policy, Presence presence, Instant now) {
    Run.Budget b = run.budget();
    return b.infra() >= b.maxInfra()
        ? run.ended(RunState.FAILED, reason, message, now)
        : retry(
            run.with(b.givenBack(run.nextKind()).plusInfra()),
            reason,
            message,
            policy.delayAfter(b.infra() + 1),
            presence,
            now);
  }

  private static Run retry(
      Run run, String reason, String message, Duration delay, Presence presence, Instant now) {
    return delayed(
        run,
        Reasons.BACKING_OFF,
        Message.bounded("after " + reason + ": " + message),
        now.plus(delay),
        presence);
  }

  private static Run delayed(
      Run run, String reason, String message, Instant until, Presence presence) {
    Run delayed = run.with(run.times().withNotBefore(Optional.of(until)));
    if (presence == Presence.MISSING) {
      // A retry must not undo a deletion that happened while the operator was down.
      return delayed.with(
          RunState.HELD,
          Reasons.DELETION_UNCONFIRMED,
          "the PipelineRun no longer exists, and it is not confirmed that a user deleted it; create"
              + " it again to continue the run");
    }
    if (run.desired() == DesiredState.Held) {
      return delayed.with(RunState.HELD, Reasons.HELD, WaitingTransitions.HELD_BY_USER);
    }
    return delayed.with(RunState.DELAYED, reason, message);
  }
}
