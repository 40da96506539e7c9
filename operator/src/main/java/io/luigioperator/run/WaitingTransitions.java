/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import static io.luigioperator.run.Instants.later;

import java.time.Duration;
import java.time.Instant;
import java.util.Optional;

/**
 * Changes of a run without a live attempt: it is accepted, becomes due, is canceled, held, released
 * or expired. An empty result means that the guard does not hold, or no longer, and that nothing is
 * written.
 *
 * <p>No transition leads out of a final state, and none clears {@code cancel}.
 */
public final class WaitingTransitions {

  static final String CANCELED_BY_USER = "spec.desiredState is Canceled";
  static final String HELD_BY_USER = "spec.desiredState is Held";

  /** Until the creation of a PipelineRun is tried again, with up to half as much added. */
  static final Duration MIN_REFUSED = Duration.ofMinutes(1);

  static final Duration MAX_REFUSED = Duration.ofMinutes(10);

  private WaitingTransitions() {}

  /** The first row of a run: READY, DELAYED, HELD, or CANCELED at once, as the request asks. */
  public static Run accept(NewRun n, Ageing ageing, Instant now) {
    Instant since = later(n.notBefore(), now);
    Run.Definition definition =
        new Run.Definition(
            n.key(),
            n.client(),
            n.businessDate(),
            n.schedule(),
            n.mutexKey(),
            n.request(),
            n.requestSha(),
            n.hashVersion());
    Run.Times times =
        new Run.Times(
            now,
            ageing.admitAt(n.priority(), since),
            n.notBefore(),
            Instants.plusSeconds(since, n.startDeadlineSeconds()),
            Optional.empty(),
            Optional.empty());
    Run run =
        new Run(
            definition,
            new Run.StateDetails(RunState.READY, "", "", false),
            n.firstKind(),
            n.desired(),
            n.priority(),
            new Run.Budget(0, 0, 0, 0, n.maxAttempts(), n.maxInfra()),
            times);
    return waiting(run, now);
  }

  /** The row of a run that has ended before; see {@link RecordedOutcome}. */
  public static Run acceptEnded(NewRun n, RecordedOutcome outcome, Ageing ageing, Instant now) {
    return restored(accept(n, ageing, now), outcome, now);
  }

  /** Ends a waiting run that had ended before; see {@link RecordedOutcome}. */
  public static Optional<Run> restoreOutcome(Run run, RecordedOutcome outcome, Instant now) {
    return run.isWaiting() ? Optional.of(restored(run, outcome, now)) : Optional.empty();
  }

  private static Run restored(Run run, RecordedOutcome o, Instant now) {
    Run.Budget b = run.budget();
    Run.Times t = run.times();
    int claims = Math.max(b.claims(), o.attempts());
    int counted = Math.max(b.counted(), o.counted());
    return run.with(
            new Run.Budget(
                claims,
                counted,
                b.infra(),
                b.uncounted(),
                Math.max(b.maxAttempts(), counted),
                b.maxInfra()))
        .with(
            new Run.Times(
                t.acceptedAt(),
                t.admitAt(),
                t.notBefore(),
                t.startDeadline(),
                t.startedAt().or(o::startedAt),
                Optional.of(o.finishedAt().orElse(now))))
        .with(o.state(), o.reason(), Message.bounded(o.message()));
  }

  /**
   * Ends the wait of a DELAYED run whose notBefore has passed. A retry keeps its place in the order
   * of admission.
   */
  public static Optional<Run> due(Run run, Instant now) {
    if (run.state() != RunState.DELAYED
        || run.times().notBefore().filter(now::isBefore).isPresent()) {
      return Optional.empty();
    }
    return Optional.of(waiting(run, now));
  }

  /**
   * Cancels a waiting run at once. For a run with a live attempt only the cancel flag is set; its
   * attempt ends when there is evidence that its pod has ended.
   */
  public static Optional<Run> cancel(Run run, String reason, String message, Instant now) {
    if (run.state().isFinal() || run.cancel()) {
      return Optional.empty();
    }
    Run flagged =
        run.with(new Run.StateDetails(run.state(), reason, Message.bounded(message), true));
    return Optional.of(run.state() == RunState.ACTIVE ? flagged : flagged.canceled(now));
  }

  /** Cancels a run unless it has a live attempt. */
  public static Optional<Run> cancelWaiting(Run run, String reason, String message, Instant now) {
    return run.isWaiting() ? cancel(run, reason, message, now) : Optional.empty();
  }

  /**
   * Cancels a run that waits and has not started, or is held. One that waits for a retry goes on,
   * also if its schedule lets it wait.
   */
  public static Optional<Run> cancelQueued(Run run, String reason, String message, Instant now) {
    return run.isQueued() ? cancel(run, reason, message, now) : Optional.empty();
  }

  /**
   * Postpones a READY run whose PipelineRun cannot be created at the moment, so that it blocks no
   * run behind it: the longer it has waited, the longer until the next try. Many such runs are not
   * all tried at the same time.
   */
  public static Optional<Run> objectRefused(Run run, String message, Instant now) {
    if (run.state() != RunState.READY) {
      return Optional.empty();
    }
    Duration waited = Duration.between(run.times().acceptedAt(), now);
    Duration pause =
        waited.compareTo(MIN_REFUSED) < 0
            ? MIN_REFUSED
            : waited.compareTo(MAX_REFUSED) > 0 ? MAX_REFUSED : waited;
    long spread = Math.floorMod(run.key().id().hashCode(), pause.toSeconds() / 2);
    return Optional.of(
        run.with(run.times().withNotBefore(Optional.of(now.plus(pause).plusSeconds(spread))))
            .with(RunState.DELAYED, Reasons.OBJECT_REFUSED, Message.bounded(message)));
  }

  /** Holds a waiting run. If the run is held already, only MassDeletion replaces its reason. */
  public static Optional<Run> hold(Run run, String reason, String message) {
    return switch (run.state()) {
      case READY, DELAYED -> Optional.of(run.with(RunState.HELD, reason, Message.bounded(message)));
      case HELD ->
          reason.equals(Reasons.MASS_DELETION) && !run.stateDetails().reason().equals(reason)
              ? Optional.of(run.with(RunState.HELD, reason, Message.bounded(message)))
              : Optional.empty();
      case ACTIVE, SUCCEEDED, FAILED, CANCELED -> Optional.empty();
    };
  }

  /**
   * Expires or holds a READY run that cannot be claimed, because at the head of its key it would
   * block all runs behind it.
   */
  public static Optional<Run> expireOrHold(Run head, Instant now) {
    return expire(head, now)
        .or(
            () ->
                hold(
                    head,
                    Reasons.INTERNAL_ERROR,
                    "defect of the operator: the run was READY, but all of its %d attempts are used"
                        .formatted(head.budget().maxAttempts())));
  }

  /** Releases a run that is held for {@code reason}; its waiting time for ageing starts now. */
  public static Optional<Run> release(Run run, String reason, Ageing ageing, Instant now) {
    if (run.state() != RunState.HELD || !run.stateDetails().reason().equals(reason)) {
      return Optional.empty();
    }
    return Optional.of(released(run, ageing, now));
  }

  /** Fails a run that still waits for its first attempt after its start deadline. */
  public static Optional<Run> expire(Run run, Instant now) {
    if (!run.isPastStartDeadline(now)) {
      return Optional.empty();
    }
    return Optional.of(
        run.ended(
            RunState.FAILED,
            Reasons.START_DEADLINE_EXCEEDED,
            "the run did not start before its start deadline, "
                + Instants.toSecond(run.times().startDeadline().orElseThrow()),
            now));
  }

  static Run released(Run run, Ageing ageing, Instant now) {
    Instant since = later(run.times().notBefore(), now);
    return waiting(run.with(run.times().withAdmitAt(ageing.admitAt(run.priority(), since))), now);
  }

  /** The state of a run without a live attempt, by its desired state and its notBefore. */
  static Run waiting(Run run, Instant now) {
    return switch (run.desired()) {
      case Canceled ->
          run.with(new Run.StateDetails(run.state(), Reasons.CANCELED, CANCELED_BY_USER, true))
              .canceled(now);
      case Held -> run.with(RunState.HELD, Reasons.HELD, HELD_BY_USER);
      case Running ->
          run.times().notBefore().filter(now::isBefore).isEmpty()
              ? run.with(RunState.READY, "", "")
              : isPostponed(run)
                  ? run.with(
                      RunState.DELAYED, run.stateDetails().reason(), run.stateDetails().message())
                  : run.with(RunState.DELAYED, Reasons.WAITING_FOR_TIME, "");
    };
  }

  /** Whether the operator has chosen its notBefore, and not a user. */
  private static boolean isPostponed(Run run) {
    return switch (run.stateDetails().reason()) {
      case Reasons.BACKING_OFF, Reasons.OBJECT_REFUSED -> true;
      default -> false;
    };
  }
}
