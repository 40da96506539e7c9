/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import io.luigioperator.run.RunSnapshot.Row;
import java.time.Instant;
import java.util.Optional;

/**
 * The next step for a PipelineRun, apart from attempts: record it in the ledger, apply its mutable
 * fields, or delete it after its time to live.
 */
final class ObjectDecider {

  private ObjectDecider() {}

  static Optional<Effect> effect(RunObject object, Row row, Instant now) {
    Run run = row.run();
    if (object.deleting() || !row.isRequestedBy(object)) {
      return Optional.empty();
    }
    if (run.state().isFinal()) {
      return expiry(object, row)
          .filter(t -> !now.isBefore(t))
          .map(t -> new Effect.DeleteObject(object.uid()));
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
   * When the object of a finished run is to be deleted. An object that a user created has only its
   * own time to live; one that the operator created also takes that of its pipeline.
   */
  static Optional<Instant> expiry(RunObject object, Row row) {
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
