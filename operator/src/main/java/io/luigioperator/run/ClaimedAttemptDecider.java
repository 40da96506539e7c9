/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import io.luigioperator.run.Abandonment.BudgetCharge;
import io.luigioperator.run.ObservedAttempt.ObservedJob;
import io.luigioperator.run.ObservedAttempt.ObservedPod;
import io.luigioperator.run.RunSnapshot.Row;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/** The next step for an attempt that is claimed but not bound, so that no pod of it may run yet. */
final class ClaimedAttemptDecider {

  /** A pod that does not appear in the cache until then is searched by a live read. */
  private static final Duration SEARCH_AFTER = Duration.ofSeconds(10);

  private final Limits limits;

  ClaimedAttemptDecider(Limits limits) {
    this.limits = limits;
  }

  Decision decide(RunSnapshot s, Row row, Attempt attempt, Instant now) {
    ObservedAttempt observed = s.observed().orElseThrow();
    if (observed.pods().stream().anyMatch(ClaimedAttemptDecider::couldBeRunning)) {
      // Something other than the operator removed the gate. The sweep stops the pod; the attempt
      // keeps its key until then.
      return Decision.waiting();
    }
    if (row.run().cancel()) {
      return abandon(
          attempt, Reasons.CANCELED, "canceled before its pod started", BudgetCharge.NONE);
    }
    if (s.object().filter(row::isRequestedBy).flatMap(RunObject::outcome).isPresent()) {
      // The ledger was restored to a time between this claim and the end of the run. Once the run
      // waits again, it gets the outcome that the status shows.
      return abandon(
          attempt,
          Reasons.POD_GONE_BEFORE_START,
          "the status of its PipelineRun shows that the run has ended",
          BudgetCharge.NONE);
    }
    Instant overdue = attempt.claimedAt().plus(limits.claimTtl());
    if (observed.job().isPresent()) {
      return job(attempt, observed.job().get(), observed, now);
    }
    // The owner is the recorded object and not a later one with the same name, so that the Job is
    // garbage-collected if the recorded object was deleted meanwhile.
    if (s.object().filter(o -> row.isRecordOf(o) && !o.deleting()).isPresent()) {
      return Decision.doing(new Effect.CreateJob(attempt, !now.isBefore(overdue)));
    }
    // A Job needs an owner. Only the deletion pass decides whether the PipelineRun was deleted.
    return now.isBefore(overdue)
        ? Decision.waitingUntil(overdue)
        : abandon(
            attempt,
            Reasons.POD_GONE_BEFORE_START,
            "its PipelineRun no longer exists",
            BudgetCharge.NONE);
  }

  private Decision job(Attempt attempt, ObservedJob job, ObservedAttempt observed, Instant now) {
    if (!job.token().equals(attempt.token())) {
      return abandon(attempt, Abandonment.nameTaken(job));
    }
    List<ObservedPod> pods =
        observed.pods().stream().filter(p -> p.jobUid().equals(job.uid())).toList();
    Optional<ObservedPod> chosen =
        pods.stream()
            .filter(p -> p.gated() && !p.terminating() && !p.gone())
            .filter(p -> p.token().equals(attempt.token()) && p.defect().isEmpty())
            .min(Comparator.comparing(ObservedPod::uid));
    if (chosen.isPresent()) {
      return Decision.doing(new Effect.Bind(attempt.ref(), job.uid(), chosen.get().uid()));
    }
    if (pods.stream().anyMatch(p -> !p.gated())) {
      return abandon(
          attempt,
          Reasons.POD_GONE_BEFORE_START,
          "something other than the operator removed the scheduling gate of its pod; the pod was"
              + " stopped",
          BudgetCharge.INFRASTRUCTURE);
    }
    if (job.ended() || pods.stream().anyMatch(p -> p.terminating() || p.gone())) {
      return abandon(
          attempt,
          Reasons.POD_GONE_BEFORE_START,
          "its pod was deleted before it could start",
          BudgetCharge.NONE);
    }
    return withoutUsablePod(attempt, job, observed, now);
  }

  /** The Job exists, and there is no pod that the attempt could be bound to. */
  private Decision withoutUsablePod(
      Attempt attempt, ObservedJob job, ObservedAttempt observed, Instant now) {
    Instant search = attempt.claimedAt().plus(SEARCH_AFTER);
    Instant overdue = attempt.claimedAt().plus(limits.claimTtl());
    if (now.isBefore(search)) {
      return Decision.waitingUntil(search);
    }
    if (!observed.live()) {
      return Decision.doing(new Effect.ReadLive()); // also finds a pod that lost its labels
    }
    Instant givenUp =
        MissingPod.hasStrippedPods(job, observed)
            ? search.plus(SEARCH_AFTER) // each second costs a pod
            : overdue;
    if (now.isBefore(givenUp)) {
      return Decision.waitingUntil(givenUp);
    }
    Instant end = attempt.claimedAt().plus(limits.podTtl());
    Optional<String> defect = MissingPod.defect(job, observed);
    if (defect.isPresent() || !now.isBefore(end)) {
      return abandon(
          attempt,
          Reasons.NO_POD,
          defect.orElseGet(() -> MissingPod.noPod(job, limits.podTtl())),
          BudgetCharge.INFRASTRUCTURE);
    }
    return Decision.doing(new Effect.DiagnoseMissingPod(attempt.ref()));
  }

  /** A pod without a gate, which has not been observed to have ended. */
  private static boolean couldBeRunning(ObservedPod pod) {
    return !pod.gated() && !pod.gone() && !pod.terminal() && pod.ending().isEmpty();
  }

  private static Decision abandon(
      Attempt attempt, String reason, String message, BudgetCharge charge) {
    return abandon(attempt, new Abandonment(reason, message, charge));
  }

  private static Decision abandon(Attempt attempt, Abandonment why) {
    return Decision.doing(new Effect.Abandon(attempt.ref(), why));
  }
}
