/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import io.luigioperator.api.Phase;
import io.luigioperator.api.PipelineRunStatus;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** The warning events for a change of status: failures and unexpected ends only. */
public final class WarningEvents {

  /** One event, by its reason. */
  public record WarningEvent(String reason, String message) {}

  private WarningEvents() {}

  /** The events for the object's new status. */
  public static List<WarningEvent> of(RunSnapshot s, PipelineRunStatus after) {
    RunObject object = s.object().orElseThrow();
    boolean replay =
        s.row()
            .filter(r -> r.run().state().isFinal())
            .filter(r -> r.isRequestedBy(object) && !r.isRecordOf(object))
            .isPresent();
    return replay ? skipped(object.status(), after) : between(object.status(), after);
  }

  /** The event of a run whose outcome entered the ledger again. */
  public static WarningEvent outcomeRestored(Run run) {
    return new WarningEvent(
        "OutcomeRestored",
        ("the ledger had no row of this ended run, or an older one, so the database was lost or"
                + " restored from a backup; its outcome %s (%s) was taken from the status, and the"
                + " run is not repeated")
            .formatted(run.state(), run.stateDetails().reason()));
  }

  /** The event of a change of the spec that the database refuses. */
  public static WarningEvent changeRefused(long generation, String message) {
    return new WarningEvent(
        "ChangeRefused",
        Message.bounded(
            "generation %d of the spec is not applied, change it again: %s"
                .formatted(generation, message)));
  }

  /** Applied again after the run ended, or in another cluster: nothing runs or fails again. */
  private static List<WarningEvent> skipped(
      Optional<PipelineRunStatus> before, PipelineRunStatus after) {
    return before.filter(b -> b.completionTime() != null).isPresent()
        ? List.of()
        : List.of(new WarningEvent("RunReplaySkipped", message(after)));
  }

  private static List<WarningEvent> between(
      Optional<PipelineRunStatus> before, PipelineRunStatus after) {
    Phase was = before.map(PipelineRunStatus::phase).orElse(Phase.Pending);
    String message = message(after);
    List<WarningEvent> warnings = new ArrayList<>();
    if (attemptFailed(before, after)) {
      warnings.add(new WarningEvent("AttemptFailed", lastAttempt(after)));
    }
    Phase phase = after.phase();
    if (phase == null || phase == was) {
      return warnings;
    }
    switch (phase) {
      case Rejected -> warnings.add(new WarningEvent("RunRejected", message));
      case Retrying -> warnings.add(new WarningEvent("RetryScheduled", message));
      case Canceled -> warnings.add(new WarningEvent("RunCanceled", message));
      case Failed ->
          warnings.add(
              new WarningEvent(
                  Reasons.START_DEADLINE_EXCEEDED.equals(after.reason())
                      ? "RunDeadlineExceeded"
                      : "RunFailed",
                  message));
      case Pending, Queued, Running, Succeeded -> {}
    }
    return warnings;
  }

  private static String message(PipelineRunStatus s) {
    return Optional.ofNullable(s.message()).orElse("");
  }

  private static boolean attemptFailed(
      Optional<PipelineRunStatus> before, PipelineRunStatus after) {
    // an attempt that was stopped by a cancel is reported as RunCanceled
    boolean intended = after.phase() == Phase.Succeeded || after.phase() == Phase.Canceled;
    return !intended && ended(after) > before.map(WarningEvents::ended).orElse(0);
  }

  /** Number of the newest attempt that has ended, 0 for none. */
  private static int ended(PipelineRunStatus s) {
    return s.attempts().stream()
        .filter(a -> a.finishTime() != null)
        .mapToInt(a -> a.number())
        .max()
        .orElse(0);
  }

  private static String lastAttempt(PipelineRunStatus s) {
    return s.attempts().stream()
        .filter(a -> a.finishTime() != null)
        .findFirst()
        .map(
            a ->
                "attempt %d ended with %s: %s"
                    .formatted(a.number(), a.reason(), Optional.ofNullable(a.message()).orElse("")))
        .orElse("");
  }
}
