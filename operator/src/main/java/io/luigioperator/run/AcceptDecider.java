/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import io.luigioperator.api.PipelineRunStatus;
import io.luigioperator.run.Resolver.Resolution;
import io.luigioperator.run.RunSnapshot.PodCheck;
import java.time.Instant;
import java.util.Optional;

/** The next step for a PipelineRun that has no row in the ledger yet. */
final class AcceptDecider {

  private AcceptDecider() {}

  static Decision decide(RunSnapshot s, Instant now) {
    if (s.object().isEmpty() || s.object().get().deleting()) {
      return Decision.waiting();
    }
    RunObject object = s.object().get();
    Optional<RecordedOutcome> outcome = object.outcome();
    if (outcome.isPresent()) {
      return object.isReadable()
          ? Decision.doing(
              new Effect.Accept(Resolver.ended(object, outcome.get()), object, outcome))
          : Decision.waiting();
    }
    if (object.isRejected()) {
      // final, also if the schedule or the namespace has changed since
      return ObjectDecider.endOfRejected(object, now);
    }
    Optional<String> problem = object.parsedSpec().problem();
    if (problem.isPresent()) {
      // not rejected permanently, because a later version of the operator may be able to read it
      return Decision.waiting()
          .showing(Optional.of(StatusView.unreadable(object, problem.get(), now)));
    }
    return switch (Resolver.resolve(object, s.schedule())) {
      case Resolution.Refused r when r.fixable() -> pending(object, r, now);
      case Resolution.Refused r -> rejected(object, r, now);
      case Resolution.Resolved r ->
          switch (s.podCheck()) {
            case PodCheck.Unasked() ->
                Decision.doing(new Effect.DryRunPod(r.run().request()))
                    .showing(
                        s.hints()
                            .refusal()
                            .map(why -> StatusView.notChecked(object, why.message(), now)));
            case PodCheck.Refused(String message) ->
                rejected(
                    object,
                    new Resolution.Refused(
                        Reasons.POD_TEMPLATE_INVALID,
                        "no pod can be created from this pipeline: " + message,
                        false),
                    now);
            case PodCheck.Passed() ->
                Decision.doing(new Effect.Accept(r.run(), object, Optional.empty()));
          };
    };
  }

  /** Waits for a change of the schedule; with a start deadline, not longer than that. */
  private static Decision pending(RunObject object, Resolution.Refused refusal, Instant now) {
    Integer seconds = object.spec().startDeadlineSeconds();
    if (seconds == null) {
      return Decision.waiting().showing(Optional.of(StatusView.pending(object, refusal, now)));
    }
    Instant deadline =
        Instants.later(Optional.ofNullable(object.spec().notBeforeTime()), object.createdAt())
            .plusSeconds(seconds);
    if (now.isBefore(deadline)) {
      return Decision.waitingUntil(deadline)
          .showing(Optional.of(StatusView.pending(object, refusal, now)));
    }
    return rejected(
        object,
        new Resolution.Refused(
            refusal.reason(),
            "%s (given up after startDeadlineSeconds: %d)".formatted(refusal.message(), seconds),
            false),
        now);
  }

  private static Decision rejected(RunObject object, Resolution.Refused refusal, Instant now) {
    PipelineRunStatus status = StatusView.rejected(object, refusal, now);
    Decision decision = Decision.waiting().showing(Optional.of(status));
    return ObjectDecider.expiryOfRejected(object, status)
        .map(t -> decision.requeueingAt(ObjectDecider.afterStatus(t, now)))
        .orElse(decision);
  }
}
