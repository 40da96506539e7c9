/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import java.time.Instant;
import java.util.Optional;

/**
 * How an attempt starts, and what is recorded about it while it is live. An empty result means that
 * the guard does not hold, or no longer, and that nothing is written.
 */
public final class AttemptTransitions {

  private AttemptTransitions() {}

  /**
   * Claims the head of a key, unless its start deadline has passed or its attempts are used up.
   *
   * @param fence the key's previous fence plus one
   */
  public static Optional<RunAndAttempt> claim(
      Run run, long fence, String token, String cluster, Instant now) {
    AttemptKind kind = run.nextKind();
    boolean attemptsLeft =
        kind != AttemptKind.RUN || run.budget().counted() < run.budget().maxAttempts();
    if (!run.isClaimable() || run.isPastStartDeadline(now) || !attemptsLeft) {
      return Optional.empty();
    }
    Run claimed = run.with(RunState.ACTIVE, "", "").with(run.budget().claimed(kind));
    int number = claimed.budget().claims();
    Attempt.Claim claim =
        new Attempt.Claim(
            new AttemptRef(run.key(), number, fence),
            kind,
            run.admitKey(),
            cluster,
            token,
            Attempt.jobName(run.key(), number),
            now);
    return Optional.of(new RunAndAttempt(claimed, Attempt.claimed(claim)));
  }

  /** Binds the attempt to the only pod that may start: by UID, once, and never after a cancel. */
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

  /** Records the node of the bound pod, which decides what its absence means. */
  public static Optional<Attempt> recordNode(Attempt attempt, String podUid, String node) {
    return liveBinding(attempt, podUid)
        .filter(b -> b.node().filter(node::equals).isEmpty())
        .map(b -> attempt.with(b.withNode(node)));
  }

  /** Records why the operator is about to stop the pod; the first reason is kept. */
  public static Optional<Attempt> markForStop(
      Attempt attempt, String podUid, FailureCause cause, String message) {
    return liveBinding(attempt, podUid)
        .filter(b -> b.stopReason().isEmpty())
        .map(b -> b.withStopReason(new Attempt.StopReason(cause, Message.bounded(message))))
        .map(attempt::with);
  }

  /**
   * Records since when the pod has been missing. The time is stored in the ledger, so that a
   * restart of the operator does not restart the wait.
   */
  public static Optional<Attempt> markPodMissing(Attempt attempt, String podUid, Instant now) {
    return liveBinding(attempt, podUid)
        .filter(b -> b.missingSince().isEmpty())
        .map(b -> attempt.with(b.withMissingSince(Optional.of(now))));
  }

  /** The pod was observed again. */
  public static Optional<Attempt> clearPodMissing(Attempt attempt, String podUid) {
    return liveBinding(attempt, podUid)
        .filter(b -> b.missingSince().isPresent())
        .map(b -> attempt.with(b.withMissingSince(Optional.empty())));
  }

  private static Optional<Attempt.Binding> liveBinding(Attempt attempt, String podUid) {
    return attempt.binding().filter(b -> attempt.isLive() && b.podUid().equals(podUid));
  }
}
