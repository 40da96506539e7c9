/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import io.luigioperator.api.PipelineRunStatus;
import java.time.Instant;
import java.util.Optional;

/**
 * The next step for a run: either one effect, after which the caller reads the state again and
 * decides anew; or no effect, but the status to write and the time of the next reconciliation.
 *
 * @param status of the PipelineRun; empty when it should stay as it is
 * @param requeueAt reconcile again at this time at the latest; empty when only an event can change
 *     the decision
 */
public record Decision(
    Optional<Effect> effect, Optional<PipelineRunStatus> status, Optional<Instant> requeueAt) {

  static Decision doing(Effect effect) {
    return new Decision(Optional.of(effect), Optional.empty(), Optional.empty());
  }

  static Decision waiting() {
    return new Decision(Optional.empty(), Optional.empty(), Optional.empty());
  }

  static Decision waitingUntil(Instant when) {
    return new Decision(Optional.empty(), Optional.empty(), Optional.of(when));
  }

  Decision showing(Optional<PipelineRunStatus> shown) {
    return new Decision(effect, shown, requeueAt);
  }

  Decision requeueingAt(Instant when) {
    Instant sooner = requeueAt.filter(t -> t.isBefore(when)).orElse(when);
    return new Decision(effect, status, Optional.of(sooner));
  }
}
