/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import io.luigioperator.run.RunSnapshot.Row;
import java.time.Instant;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Decides the next step of the launch protocol from the state of a run. The steps of a launch have
 * a fixed order: the claim; the Job, whose pod has a scheduling gate and cannot start; the binding
 * of the attempt to one pod by UID; the removal of that pod's gate; the end, only on evidence. At
 * every point between two steps a crash leaves a state from which the next step follows.
 */
public final class RunDecider {

  private final Limits limits;
  private final ClaimedAttemptDecider claimed;
  private final BoundAttemptDecider bound;

  public RunDecider(Limits limits) {
    this.limits = limits;
    this.claimed = new ClaimedAttemptDecider(limits);
    this.bound = new BoundAttemptDecider(limits);
  }

  /**
   * @param now database time
   */
  public Decision decide(RunSnapshot s, Instant now) {
    return s.row().map(row -> accepted(s, row, now)).orElseGet(() -> AcceptDecider.decide(s, now));
  }

  private Decision accepted(RunSnapshot s, Row row, Instant now) {
    Optional<RecordedOutcome> outcome =
        s.object()
            .filter(o -> row.run().isWaiting() && row.isRequestedBy(o))
            .flatMap(RunObject::outcome);
    if (outcome.isPresent()) {
      return Decision.doing(new Effect.RestoreOutcome(outcome.get()));
    }
    Optional<Effect> upkeep = s.object().flatMap(o -> ObjectDecider.effect(o, row, now));
    if (upkeep.isPresent()) {
      return Decision.doing(upkeep.get());
    }
    if (row.run().isPastStartDeadline(now)) {
      return Decision.doing(new Effect.Expire());
    }
    Decision decision =
        s.mine()
            .map(a -> attempt(s, row, a, now))
            .orElseGet(Decision::waiting)
            .showing(StatusView.of(s, row, limits, now));
    if (decision.effect().isPresent()) {
      return decision;
    }
    return Stream.of(
            s.object()
                .flatMap(o -> ObjectDecider.nextExpiry(o, row, decision.status()))
                .map(t -> ObjectDecider.afterStatus(t, now)),
            row.run().startDeadlineWhileWaiting(),
            QueuedStatus.writtenAt(row.run()).filter(now::isBefore))
        .flatMap(Optional::stream)
        .reduce(decision, Decision::requeueingAt, (a, b) -> a);
  }

  private Decision attempt(RunSnapshot s, Row row, Attempt attempt, Instant now) {
    return attempt.binding().isPresent()
        ? bound.decide(s, row, attempt, now)
        : claimed.decide(s, row, attempt, now);
  }
}
