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
import java.util.OptionalLong;

/**
 * Every change a run or an attempt can go through, as functions of the rows as they are under lock
 * and of database time. A ledger reads rows, applies one of these, and writes the result in one
 * commit; an empty result means that the guard does not hold (any more) and nothing is written.
 *
 * <p>No way leads out of a terminal state, and {@code cancel} is never cleared.
 */
public final class Transitions {

  /** How many verdicts that do not count (drained, a Range cut, …) one run may collect. */
  public static final int MAX_UNCOUNTED = 20;

  /** A run and its attempt after one commit. */
  public record RunAndAttempt(Run run, Attempt attempt) {}

  private Transitions() {}

  /** The first row of a run: waiting for its slot, for time, for a person, or canceled at once. */
  public static Run accept(NewRun n, Ageing ageing, Instant now) {
    Instant since = later(n.notBefore(), now);
    Run.Origin origin =
        new Run.Origin(
            n.key(),
            n.client(),
            n.businessDate(),
            n.schedule(),
            n.admitKey(),
            n.request(),
            n.requestSha(),
            n.hashVersion());
    Run.Times times =
        new Run.Times(
            now,
            ageing.admitAt(n.priority(), since),
            n.notBefore(),
            deadline(since, n.startDeadlineSeconds()),
            Optional.empty(),
            Optional.empty());
    Run run =
        new Run(
            origin,
            new Run.Standing(RunState.READY, "", "", false),
            n.desired(),
            n.priority(),
            new Run.Budget(0, 0, 0, 0, n.maxAttempts(), n.maxInfra()),
            times);
    return waiting(run, now);
  }

  /**
   * Claims the head of a key, unless its time to start is over. The fence is the key's old one plus
   * one.
   */
  public static Optional<RunAndAttempt> claim(
      Run run, long fence, String token, String clusterId, Instant now) {
    if (!run.isClaimable()
        || run.isLate(now)
        || run.budget().counted() >= run.budget().maxAttempts()) {
      return Optional.empty();
    }
    Run claimed = run.with(RunState.ACTIVE, "", "").with(run.budget().claimed());
    int number = claimed.budget().claims();
    Attempt.Claim claim =
        new Attempt.Claim(
            new AttemptRef(run.key(), number, fence),
            run.admitKey(),
            clusterId,
            token,
            Attempt.jobName(run.key(), number),
            now);
    return Optional.of(new RunAndAttempt(claimed, Attempt.claimed(claim)));
  }

  /** Chooses the one pod that may start: by UID, once, and never after a cancel. */
  public static Optional<RunAndAttempt> bind(
      Run run, Attempt attempt, String jobUid, String podUid, Instant now) {
    if (run.state() != RunState.ACTIVE
        || run.cancel()
        || attempt.state() != AttemptState.CLAIMED
        || attempt.number() != run.budget().claims()) {
      return Optional.empty();
    }
    return Optional.of(
        new RunAndAttempt(
            run.with(run.times().started(now)),
            attempt.with(Attempt.Binding.of(jobUid, podUid, now))));
  }

  /** Notes where the bound pod was placed; needed to judge its absence. */
  public static Optional<Attempt> recordNode(Attempt attempt, String podUid, String node) {
    return liveBinding(attempt, podUid)
        .filter(b -> b.node().filter(node::equals).isEmpty())
        .map(b -> attempt.with(b.withNode(node)));
  }

  /** Writes down why the pod is about to be stopped; the first reason stays. */
  public static Optional<Attempt> markForStop(
      Attempt attempt, String podUid, FailureCause cause, String message) {
    return liveBinding(attempt, podUid)
        .filter(b -> b.stopReason().isEmpty())
        .map(b -> b.withStopReason(new Attempt.StopReason(cause, Message.bounded(message))))
        .map(attempt::with);
  }

  /** Starts the clock of the hold; a restart of the operator does not begin it again. */
  public static Optional<Attempt> markPodMissing(Attempt attempt, String podUid, Instant now) {
    return liveBinding(attempt, podUid)
        .filter(b -> b.missingSince().isEmpty())
        .map(b -> attempt.with(b.withMissingSince(Optional.of(now))));
  }

  /** The pod was seen again after all. */
  public static Optional<Attempt> clearPodMissing(Attempt attempt, String podUid) {
    return liveBinding(attempt, podUid)
        .filter(b -> b.missingSince().isPresent())
        .map(b -> attempt.with(b.withMissingSince(Optional.empty())));
  }

  private static Optional<Attempt.Binding> liveBinding(Attempt attempt, String podUid) {
    return attempt.binding().filter(b -> attempt.isLive() && b.podUid().equals(podUid));
  }

  /**
   * Records the evidence and decides about a retry: one commit, which also frees the mutex.
   *
   * @param sameBefore how many earlier attempts of this run ended with the same reason
   */
  public static Optional<RunAndAttempt> finish(
      Run run,
      Attempt attempt,
      String podUid,
      Ending seen,
      RetryPolicy policy,
      int sameBefore,
      Presence presence,
      Instant now) {
    Ending ending = attributed(attempt, seen);
    if (run.state() != RunState.ACTIVE
        || attempt.state() != AttemptState.BOUND
        || !attempt.isBoundTo(podUid)
        || attempt.number() != run.budget().claims()) {
      return Optional.empty();
    }
    Attempt ended =
        attempt.ended(
            new Attempt.End(
                now,
                ending.cause().reason(),
                Message.bounded(ending.message()),
                ending.exitCode(),
                ending.report()));
    return Optional.of(
        new RunAndAttempt(settle(run, ending, policy, sameBefore, presence, now), ended));
  }

  /** A pod that we stopped for a reason of ours ended for that reason, unless it succeeded. */
  public static Ending attributed(Attempt attempt, Ending seen) {
    return seen.cause().treatment() == Treatment.DONE
        ? seen
        : attempt
            .stopReason()
            .map(d -> new Ending(d.cause(), seen.exitCode(), d.message(), seen.report()))
            .orElse(seen);
  }

  private static Run settle(
      Run run, Ending ending, RetryPolicy policy, int sameBefore, Presence presence, Instant now) {
    String reason = ending.cause().reason();
    String message = Message.bounded(ending.message());
    Treatment treatment = ending.cause().treatment();
    // A success beats a cancel that came too late: the work is done.
    if (treatment == Treatment.DONE) {
      return end(run, RunState.SUCCEEDED, Reasons.COMPLETED, message, now);
    }
    if (run.cancel()) {
      return canceled(run, now);
    }
    Run.Budget b = run.budget();
    return switch (treatment) {
      case DONE -> throw new IllegalStateException("settled above");
      case STOP -> end(run, RunState.FAILED, reason, message, now);
      case RETRY_ONCE ->
          sameBefore > 0
              ? end(run, RunState.FAILED, reason, message, now)
              : countedRetry(run, reason, message, policy, presence, now);
      case RETRY -> countedRetry(run, reason, message, policy, presence, now);
      case RETRY_UNCOUNTED ->
          uncountedRetry(run, reason, message, policy.delayAfter(b.uncounted() + 1), presence, now);
      case CONTINUE -> uncountedRetry(run, reason, message, policy.delayAfter(1), presence, now);
      case INFRASTRUCTURE ->
          b.infra() >= b.maxInfra()
              ? end(run, RunState.FAILED, reason, message, now)
              : retry(
                  run.with(b.givenBack().plusInfra()),
                  reason,
                  message,
                  policy.delayAfter(b.infra() + 1),
                  presence,
                  now);
    };
  }

  private static Run countedRetry(
      Run run, String reason, String message, RetryPolicy policy, Presence presence, Instant now) {
    Run.Budget b = run.budget();
    return b.counted() >= b.maxAttempts()
        ? end(run, RunState.FAILED, reason, message, now)
        : retry(run, reason, message, policy.delayAfter(b.counted()), presence, now);
  }

  private static Run uncountedRetry(
      Run run, String reason, String message, Duration delay, Presence presence, Instant now) {
    Run.Budget b = run.budget();
    return b.uncounted() >= MAX_UNCOUNTED
        ? end(run, RunState.FAILED, reason, message, now)
        : retry(run.with(b.givenBack().plusUncounted()), reason, message, delay, presence, now);
  }

  private static Run retry(
      Run run, String reason, String message, Duration delay, Presence presence, Instant now) {
    Run delayed = run.with(run.times().withNotBefore(Optional.of(now.plus(delay))));
    if (presence == Presence.MISSING) {
      // A deletion during the operator's downtime must not be undone by a retry.
      return delayed.with(
          RunState.HELD,
          Reasons.DELETION_UNCONFIRMED,
          "the PipelineRun is gone and nobody has confirmed that a user deleted it");
    }
    if (run.desired() == DesiredState.Held) {
      return delayed.with(RunState.HELD, Reasons.HELD, "held by desiredState");
    }
    return delayed.with(
        RunState.DELAYED, Reasons.BACKING_OFF, Message.bounded("after " + reason + ": " + message));
  }

  /** Gives up a claim whose pod was never bound; always with backoff, never READY at once. */
  public static Optional<RunAndAttempt> abandon(
      Run run, Attempt attempt, Abandonment why, RetryPolicy policy, Instant now) {
    if (run.state() != RunState.ACTIVE
        || attempt.state() != AttemptState.CLAIMED
        || attempt.number() != run.budget().claims()) {
      return Optional.empty();
    }
    Attempt ended =
        attempt.ended(
            new Attempt.End(
                now, why.reason(), Message.bounded(why.message()), OptionalInt.empty(), ""));
    if (run.cancel()) {
      return Optional.of(
          new RunAndAttempt(canceled(run.with(run.budget().givenBack()), now), ended));
    }
    Run.Budget b = run.budget();
    Run next =
        switch (why.charge()) {
          case NONE ->
              retry(
                  run.with(b.givenBack()),
                  why.reason(),
                  why.message(),
                  policy.delayAfter(1),
                  Presence.PRESENT,
                  now);
          case INFRASTRUCTURE ->
              b.infra() >= b.maxInfra()
                  ? end(run, RunState.FAILED, why.reason(), Message.bounded(why.message()), now)
                  : retry(
                      run.with(b.givenBack().plusInfra()),
                      why.reason(),
                      why.message(),
                      policy.delayAfter(b.infra() + 1),
                      Presence.PRESENT,
                      now);
        };
    return Optional.of(new RunAndAttempt(next, ended));
  }

  /** A DELAYED run whose time has come. Retries keep their place in the order. */
  public static Optional<Run> due(Run run, Instant now) {
    if (run.state() != RunState.DELAYED
        || run.times().notBefore().filter(now::isBefore).isPresent()) {
      return Optional.empty();
    }
    return Optional.of(waiting(run, now));
  }

  /** At once while it waits; with a live attempt only the flag, and evidence ends it. */
  public static Optional<Run> cancel(Run run, String reason, String message, Instant now) {
    if (run.state().isTerminal() || run.cancel()) {
      return Optional.empty();
    }
    Run flagged = run.with(new Run.Standing(run.state(), reason, Message.bounded(message), true));
    return Optional.of(run.state() == RunState.ACTIVE ? flagged : canceled(flagged, now));
  }

  /** Parks a waiting run for a person or for a fact; only a lost object outdoes another reason. */
  public static Optional<Run> hold(Run run, String reason, String message) {
    return switch (run.state()) {
      case READY, DELAYED -> Optional.of(run.with(RunState.HELD, reason, Message.bounded(message)));
      case HELD ->
          reason.equals(Reasons.MASS_DELETION) && !run.standing().reason().equals(reason)
              ? Optional.of(run.with(RunState.HELD, reason, Message.bounded(message)))
              : Optional.empty();
      case ACTIVE, SUCCEEDED, FAILED, CANCELED -> Optional.empty();
    };
  }

  /**
   * Takes a READY run that cannot be claimed off the head of its key, where it would block
   * everybody behind it.
   */
  public static Optional<Run> park(Run head, Instant now) {
    return expire(head, now)
        .or(
            () ->
                hold(
                    head,
                    Reasons.INTERNAL_ERROR,
                    "it was READY, but all of its %d attempts are counted"
                        .formatted(head.budget().maxAttempts())));
  }

  /** Lets a run go that was held for {@code reason}; it queues anew from now on. */
  public static Optional<Run> release(Run run, String reason, Ageing ageing, Instant now) {
    if (run.state() != RunState.HELD || !run.standing().reason().equals(reason)) {
      return Optional.empty();
    }
    return Optional.of(released(run, ageing, now));
  }

  private static Run released(Run run, Ageing ageing, Instant now) {
    Instant since = later(run.times().notBefore(), now);
    return waiting(run.with(run.times().withAdmitAt(ageing.admitAt(run.priority(), since))), now);
  }

  /** Applies the mutable fields of a new generation; empty when nothing changes. */
  public static Optional<Run> amend(Run run, Amendment a, Ageing ageing, Instant now) {
    if (run.state().isTerminal()) {
      return Optional.empty();
    }
    boolean started = run.times().startedAt().isPresent();
    Run next =
        run.withDesired(a.desired(), started ? run.priority() : a.priority())
            .with(run.budget().withMaxAttempts(a.maxAttempts()));
    if (!started) {
      // a backoff under way is ours, not the user's to shorten
      boolean backingOff = run.standing().reason().equals(Reasons.BACKING_OFF);
      boolean moved = !backingOff && !a.notBefore().equals(run.times().notBefore());
      Instant since =
          moved
              ? later(a.notBefore(), run.times().acceptedAt())
              : ageing.since(run.priority(), run.times().admitAt());
      next =
          next.with(
              next.times()
                  .withAdmitAt(ageing.admitAt(next.priority(), since))
                  .withNotBefore(moved ? a.notBefore() : run.times().notBefore())
                  .withStartDeadline(
                      deadline(
                          later(a.notBefore(), run.times().acceptedAt()),
                          a.startDeadlineSeconds())));
    }
    if (a.desired() == DesiredState.Canceled) {
      Run wished = next;
      next =
          cancel(next, Reasons.CANCELED, "canceled by desiredState", now)
              .orElse(wished); // already on its way
    } else if (run.state() != RunState.ACTIVE) {
      next = amendedWhileWaiting(run, next, ageing, now);
    }
    return next.equals(run) ? Optional.empty() : Optional.of(next);
  }

  private static Run amendedWhileWaiting(Run before, Run next, Ageing ageing, Instant now) {
    if (next.budget().counted() >= next.budget().maxAttempts()) {
      return end(
          next,
          RunState.FAILED,
          Reasons.ATTEMPTS_EXHAUSTED,
          "maxAttempts was lowered to the " + next.budget().counted() + " attempts already made",
          now);
    }
    boolean held = before.state() == RunState.HELD;
    boolean lookedInto = // by a person, who says so by this
        held
            && before.standing().reason().equals(Reasons.INTERNAL_ERROR)
            && before.desired() == DesiredState.Held
            && next.desired() == DesiredState.Running;
    if (held && !lookedInto && !before.standing().reason().equals(Reasons.HELD)) {
      return next; // held for a fact that a new desired does not change
    }
    if (held && next.desired() == DesiredState.Running) {
      return released(next, ageing, now);
    }
    return waiting(next, now);
  }

  /** A run that did not start in time. */
  public static Optional<Run> expire(Run run, Instant now) {
    if (!run.isLate(now)) {
      return Optional.empty();
    }
    return Optional.of(
        end(
            run,
            RunState.FAILED,
            Reasons.START_DEADLINE_EXCEEDED,
            "not started by " + run.times().startDeadline().orElseThrow(),
            now));
  }

  /** Where a run without a live attempt belongs, by its desired and its time. */
  private static Run waiting(Run run, Instant now) {
    return switch (run.desired()) {
      case Canceled -> canceled(flagged(run), now);
      case Held -> run.with(RunState.HELD, Reasons.HELD, "held by desiredState");
      case Running ->
          run.times().notBefore().filter(now::isBefore).isEmpty()
              ? run.with(RunState.READY, "", "")
              : run.standing().reason().equals(Reasons.BACKING_OFF)
                  ? run.with(RunState.DELAYED, Reasons.BACKING_OFF, run.standing().message())
                  : run.with(RunState.DELAYED, Reasons.WAITING_FOR_TIME, "");
    };
  }

  private static Run flagged(Run run) {
    return run.with(
        new Run.Standing(run.state(), Reasons.CANCELED, "canceled by desiredState", true));
  }

  private static Run canceled(Run run, Instant now) {
    return end(run, RunState.CANCELED, run.standing().reason(), run.standing().message(), now);
  }

  private static Run end(Run run, RunState state, String reason, String message, Instant now) {
    return run.with(state, reason, message).with(run.times().finished(now));
  }

  private static Instant later(Optional<Instant> a, Instant b) {
    return a.filter(t -> t.isAfter(b)).orElse(b);
  }

  private static Optional<Instant> deadline(Instant since, OptionalLong seconds) {
    return seconds.isPresent()
        ? Optional.of(since.plusSeconds(seconds.getAsLong()))
        : Optional.empty();
  }
}
