/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import static io.luigioperator.run.Conditions.ACCEPTED;
import static io.luigioperator.run.Conditions.FALSE;
import static io.luigioperator.run.Conditions.FINISHED;
import static io.luigioperator.run.Conditions.RECONCILING;
import static io.luigioperator.run.Conditions.STALLED;
import static io.luigioperator.run.Conditions.SUCCEEDED;
import static io.luigioperator.run.Conditions.TRUE;
import static io.luigioperator.run.Conditions.UNKNOWN;

import io.luigioperator.api.Phase;
import io.luigioperator.api.PipelineRunStatus;
import io.luigioperator.run.Resolver.Resolution;
import io.luigioperator.run.RunSnapshot.Row;
import java.time.Instant;
import java.util.Optional;

/**
 * The status of a PipelineRun: before its run is in the ledger, and afterwards by the state of the
 * run.
 */
public final class StatusView {

  private static final String NOT_ACCEPTED = "the run is not accepted yet";

  private StatusView() {}

  // ---- not in the ledger

  static PipelineRunStatus pending(RunObject object, Resolution.Refused why, Instant now) {
    Conditions c =
        new Conditions(object, now)
            .set(ACCEPTED, FALSE, why.reason(), why.message())
            .set(SUCCEEDED, UNKNOWN, why.reason(), NOT_ACCEPTED)
            .set(FINISHED, FALSE, why.reason(), NOT_ACCEPTED)
            .set(RECONCILING, TRUE, why.reason(), why.message());
    return StatusFields.of(object, Phase.Pending, why.reason(), why.message())
        .conditions(c.list())
        .build();
  }

  /** The API server has not answered whether it would accept a pod of the run. */
  static PipelineRunStatus notChecked(RunObject object, String problem, Instant now) {
    String message = "whether the API server accepts a pod of this run is unknown: " + problem;
    Conditions c =
        new Conditions(object, now)
            .set(ACCEPTED, UNKNOWN, Reasons.POD_NOT_CHECKED, message)
            .set(SUCCEEDED, UNKNOWN, Reasons.POD_NOT_CHECKED, NOT_ACCEPTED)
            .set(FINISHED, FALSE, Reasons.POD_NOT_CHECKED, NOT_ACCEPTED)
            .set(RECONCILING, TRUE, Reasons.POD_NOT_CHECKED, message);
    return StatusFields.of(object, Phase.Pending, Reasons.POD_NOT_CHECKED, message)
        .conditions(c.list())
        .build();
  }

  static PipelineRunStatus unreadable(RunObject object, String problem, Instant now) {
    String message =
        "the operator cannot read spec: %s; create a PipelineRun with another metadata.name and"
                .formatted(problem)
            + " without this value, or upgrade the operator if the value is of a later version";
    Conditions c =
        new Conditions(object, now)
            .set(ACCEPTED, FALSE, Reasons.SPEC_UNREADABLE, message)
            .set(SUCCEEDED, UNKNOWN, Reasons.SPEC_UNREADABLE, NOT_ACCEPTED)
            .set(FINISHED, FALSE, Reasons.SPEC_UNREADABLE, NOT_ACCEPTED)
            .set(STALLED, TRUE, Reasons.SPEC_UNREADABLE, message);
    return StatusFields.of(object, Phase.Pending, Reasons.SPEC_UNREADABLE, message)
        .conditions(c.list())
        .build();
  }

  static PipelineRunStatus rejected(RunObject object, Resolution.Refused why, Instant now) {
    Conditions c =
        new Conditions(object, now)
            .set(ACCEPTED, FALSE, why.reason(), why.message())
            .set(SUCCEEDED, FALSE, why.reason(), "the run was rejected and never started")
            .set(FINISHED, TRUE, why.reason(), "the run was rejected permanently")
            .set(STALLED, TRUE, why.reason(), why.message());
    return StatusFields.of(object, Phase.Rejected, why.reason(), why.message())
        .conditions(c.list())
        .build();
  }

  /**
   * The status while the ledger is unavailable; empty for an object that already has a status from
   * the ledger's data.
   */
  public static Optional<PipelineRunStatus> storeUnavailable(RunObject object, Instant now) {
    boolean reported =
        object
            .status()
            .filter(s -> s.observedGeneration() != null && s.observedGeneration() >= 0)
            .isPresent();
    if (reported) {
      return Optional.empty();
    }
    String message =
        "the ledger (MySQL) is unavailable; the run is accepted as soon as it is available again";
    Conditions c =
        new Conditions(object, now)
            .set(ACCEPTED, UNKNOWN, Reasons.STORE_UNAVAILABLE, message)
            .set(SUCCEEDED, UNKNOWN, Reasons.STORE_UNAVAILABLE, NOT_ACCEPTED)
            .set(FINISHED, FALSE, Reasons.STORE_UNAVAILABLE, NOT_ACCEPTED)
            .set(RECONCILING, TRUE, Reasons.STORE_UNAVAILABLE, message);
    return Optional.of(
        StatusFields.of(object, Phase.Pending, Reasons.STORE_UNAVAILABLE, message)
            .conditions(c.list())
            .build());
  }

  // ---- in the ledger

  /** Empty when the status should stay as it is. */
  static Optional<PipelineRunStatus> of(RunSnapshot s, Row row, Limits limits, Instant now) {
    if (s.object().isEmpty()) {
      return Optional.empty();
    }
    RunObject object = s.object().get();
    if (object.outcome().isPresent()) {
      return object.status().map(before -> EndedStatus.kept(object, before));
    }
    if (object.isRejected()) {
      return object.status(); // also if the same request was accepted in another cluster
    }
    if (!row.isRequestedBy(object)) {
      return Optional.of(
          object
              .parsedSpec()
              .problem()
              .map(problem -> unreadable(object, problem, now))
              .orElseGet(() -> nameTaken(object, row.run(), now)));
    }
    return switch (row.run().state()) {
      case READY, DELAYED, HELD -> QueuedStatus.of(s, object, row, now);
      case ACTIVE -> ActiveStatus.of(s, object, row, limits, now);
      case SUCCEEDED, FAILED, CANCELED -> Optional.of(EndedStatus.of(s, object, row, now));
    };
  }

  /** Whether the status shows that this pod does not start, and the pod itself does not say why. */
  public static boolean needsWarning(
      Attempt.Binding binding, ObservedAttempt.ObservedPod pod, Instant now) {
    return pod.startedAt().isEmpty()
        && !pod.gated()
        && !pod.terminating()
        && !pod.terminal()
        && pod.startFailure().isEmpty()
        && pod.node().isPresent()
        && !now.isBefore(
            BoundAttemptDecider.startOf(binding, pod).plus(ActiveStatus.STARTING_SHOWN_AFTER));
  }

  /**
   * Whether the status of a READY run says that it waits for something else than it does.
   *
   * @param held whether another run holds its key
   * @param withoutNode the pod for which the cluster counts as full for its namespace
   */
  public static boolean isOutdatedWaiting(
      PipelineRunStatus shown, boolean held, Optional<ObservedAttempt.ObservedPod> withoutNode) {
    if (Reasons.WAITING_FOR_CLIENT.equals(shown.reason())) {
      return !held;
    }
    return Reasons.WAITING_FOR_CAPACITY.equals(shown.reason())
        && (held || !QueuedStatus.waitingForCapacity(withoutNode).equals(shown.message()));
  }

  private static PipelineRunStatus nameTaken(RunObject object, Run run, Instant now) {
    String date = run.definition().businessDate();
    return rejected(
        object,
        new Resolution.Refused(
            Reasons.NAME_ALREADY_USED,
            ("another request already uses the name %s (client %s, date %s, accepted at %s, state"
                    + " %s); create this PipelineRun with another metadata.name")
                .formatted(
                    run.key().name(),
                    run.definition().client(),
                    date.isEmpty() ? "none" : date,
                    Instants.toSecond(run.times().acceptedAt()),
                    run.state()),
            false),
        now);
  }
}
