/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import io.luigioperator.api.Phase;
import io.luigioperator.api.PipelineRunStatus;
import io.luigioperator.run.RunSnapshot.Row;
import java.time.Instant;
import java.util.Objects;
import java.util.Optional;

/**
 * The next step for a PipelineRun, apart from attempts: record it in the ledger, apply its mutable
 * fields, or delete it after its time to live.
 */
final class ObjectDecider {

  private ObjectDecider() {}

  static Optional<Effect> effect(RunObject object, Row row, Instant now) {
    Run run = row.run();
    Optional<Instant> expiry = nextExpiry(object, row, object.status());
    if (expiry.filter(t -> !now.isBefore(t)).isPresent()) {
      return Optional.of(new Effect.DeleteObject(object.uid()));
    }
    if (object.deleting()
        || object.isRejected()
        || run.state().isFinal()
        || !row.isRequestedBy(object)) {
      return Optional.empty();
    }
    if (row.recorded().isEmpty()) {
      return Optional.of(new Effect.RecordObject(object.uid()));
    }
    ObjectRecord recorded = row.recorded().get();
    if (recorded.isOf(object)
        && recorded.appliedGeneration() < object.generation()
        && object.isReadable()) {
      return Optional.of(
          new Effect.Amend(object.generation(), Resolver.desired(object, row.kept())));
    }
    // Another UID: only the deletion pass decides whether the recorded object was deleted.
    return Optional.empty();
  }

  /**
   * When the object is to be deleted; empty if that is unknown yet, or if it is being deleted. For
   * an object of another request, which was rejected, its own end counts and not that of the run.
   *
   * @param status of the object, as it is or is to be written
   */
  static Optional<Instant> nextExpiry(
      RunObject object, Row row, Optional<PipelineRunStatus> status) {
    if (object.deleting()) {
      return Optional.empty();
    }
    return row.isRequestedBy(object) && !object.isRejected()
        ? expiry(object, row)
        : status.flatMap(s -> expiryOfRejected(object, s));
  }

  /** Keeps the status of a rejected object, and deletes the object after its time to live. */
  static Decision endOfRejected(RunObject object, Instant now) {
    Optional<Instant> expiry = object.status().flatMap(s -> expiryOfRejected(object, s));
    if (expiry.isEmpty()) {
      return Decision.waiting();
    }
    return now.isBefore(expiry.get())
        ? Decision.waitingUntil(expiry.get())
        : Decision.doing(new Effect.DeleteObject(object.uid()));
  }

  /**
   * When an object with this status is to be deleted; empty unless the status rejects its newest
   * generation permanently.
   */
  static Optional<Instant> expiryOfRejected(RunObject object, PipelineRunStatus status) {
    boolean rejected =
        status.phase() == Phase.Rejected
            && Objects.equals(status.observedGeneration(), object.generation());
    return object
        .readableSpec()
        .filter(spec -> rejected && !object.deleting())
        .flatMap(spec -> Optional.ofNullable(spec.ttlSecondsAfterFinished()))
        .map(seconds -> rejectedAt(object, status).plusSeconds(seconds));
  }

  /** An object that is rejected now is deleted by a later reconciliation, whatever its time. */
  static Instant afterStatus(Instant expiry, Instant now) {
    return Instants.later(Optional.of(expiry), now.plusSeconds(1));
  }

  private static Instant rejectedAt(RunObject object, PipelineRunStatus status) {
    return status.conditions().stream()
        .filter(c -> c.getType().equals(Conditions.FINISHED))
        .flatMap(c -> Instants.parsed(c.getLastTransitionTime()).stream())
        .findFirst()
        .orElse(object.createdAt());
  }

  /**
   * When the object of a finished run is to be deleted. An object that a user created has only its
   * own time to live; one that the operator created also takes that of its pipeline.
   */
  private static Optional<Instant> expiry(RunObject object, Row row) {
    if (!object.isReadable()) {
      return Optional.empty();
    }
    Optional<Integer> own = Optional.ofNullable(object.spec().ttlSecondsAfterFinished());
    Optional<Integer> seconds =
        object.createdByOperator()
            ? own.or(() -> row.request().map(r -> r.pipeline().ttlSecondsAfterFinished()))
            : own;
    // an object that is applied again counts from its own creation, however old its run is
    return row.run()
        .times()
        .finishedAt()
        .flatMap(t -> seconds.map(Instants.later(Optional.of(t), object.createdAt())::plusSeconds));
  }
}
