/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import static io.luigioperator.run.Conditions.FALSE;
import static io.luigioperator.run.Conditions.FINISHED;
import static io.luigioperator.run.Conditions.QUEUED;
import static io.luigioperator.run.Conditions.SUCCEEDED;
import static io.luigioperator.run.Conditions.TRUE;

import io.fabric8.kubernetes.api.model.ConditionBuilder;
import io.luigioperator.api.Phase;
import io.luigioperator.api.PipelineRunStatus;
import io.luigioperator.run.RunSnapshot.Row;
import java.time.Instant;

/** The status of a run that has ended. */
final class EndedStatus {

  private EndedStatus() {}

  static PipelineRunStatus of(RunSnapshot s, RunObject object, Row row, Instant now) {
    Run run = row.run();
    String reason = run.stateDetails().reason();
    String message = run.stateDetails().message();
    if (!row.isRecordOf(object)) {
      message =
          ("a run of this name ended at %s (%s); to run again, create a PipelineRun with another"
                  + " metadata.name")
              .formatted(Instants.toSecond(run.times().finishedAt().orElse(now)), reason);
      if (run.state() == RunState.SUCCEEDED) {
        reason = Reasons.ALREADY_COMPLETE;
      }
    }
    String succeeded = run.state() == RunState.SUCCEEDED ? TRUE : FALSE;
    Conditions c =
        StatusFields.conditions(s, object, row, now)
            .set(QUEUED, FALSE, reason, "the run has ended")
            .set(SUCCEEDED, succeeded, reason, message)
            .set(FINISHED, TRUE, reason, message);
    return StatusFields.of(object, row, phase(run.state()), reason, message)
        .conditions(c.list())
        .build();
  }

  /** An end that was written before never changes, only the generation that it describes. */
  static PipelineRunStatus kept(RunObject object, PipelineRunStatus before) {
    return before.toBuilder()
        .observedGeneration(object.generation())
        .conditions(
            before.conditions().stream()
                .map(
                    c ->
                        new ConditionBuilder(c).withObservedGeneration(object.generation()).build())
                .toList())
        .build();
  }

  private static Phase phase(RunState state) {
    return switch (state) {
      case SUCCEEDED -> Phase.Succeeded;
      case FAILED -> Phase.Failed;
      case CANCELED -> Phase.Canceled;
      case READY, DELAYED, HELD, ACTIVE ->
          throw new IllegalArgumentException("not a terminal state: " + state);
    };
  }
}
