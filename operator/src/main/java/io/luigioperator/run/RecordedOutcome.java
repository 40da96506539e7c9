/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import io.fabric8.kubernetes.api.model.Condition;
import io.luigioperator.api.AttemptStatus;
import io.luigioperator.api.Phase;
import io.luigioperator.api.PipelineRunStatus;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * How a run ended, as the status of its PipelineRun shows. The operator writes such a status only
 * after the commit that ended the run. If the ledger has no row of the run, or an older one, it was
 * lost or restored from a backup: the outcome enters it again, and the run is never repeated.
 *
 * @param state a final one
 * @param attempts number of the newest attempt, 0 if unknown
 * @param counted attempts that the retry policy had counted, 0 if unknown
 * @param startedAt empty if it never started, or if unknown
 * @param finishedAt empty if unknown
 */
public record RecordedOutcome(
    RunState state,
    String reason,
    String message,
    int attempts,
    int counted,
    Optional<Instant> startedAt,
    Optional<Instant> finishedAt) {

  private static final Pattern SUMMARY = Pattern.compile("([0-9]{1,3})/[0-9]{1,3}");

  /** Empty if the status does not show that a run of this name has ended. */
  static Optional<RecordedOutcome> of(PipelineRunStatus status) {
    if (!isTrue(status, Conditions.FINISHED) || !isTrue(status, Conditions.ACCEPTED)) {
      return Optional.empty();
    }
    return Optional.of(
        new RecordedOutcome(
            state(status),
            Objects.requireNonNullElse(status.reason(), ""),
            Objects.requireNonNullElse(status.message(), ""),
            newestAttempt(status.attempts()),
            counted(Objects.requireNonNullElse(status.attemptSummary(), "")),
            Optional.ofNullable(status.startTime()),
            Optional.ofNullable(status.completionTime())));
  }

  private static boolean isTrue(PipelineRunStatus status, String condition) {
    return status.conditions().stream()
        .filter(c -> condition.equals(c.getType()))
        .map(Condition::getStatus)
        .anyMatch(Conditions.TRUE::equals);
  }

  private static RunState state(PipelineRunStatus status) {
    if (isTrue(status, Conditions.SUCCEEDED)) {
      return RunState.SUCCEEDED;
    }
    return status.phase() == Phase.Canceled ? RunState.CANCELED : RunState.FAILED;
  }

  private static int newestAttempt(List<AttemptStatus> attempts) {
    return attempts.stream().mapToInt(AttemptStatus::number).max().orElse(0);
  }

  private static int counted(String attemptSummary) {
    Matcher m = SUMMARY.matcher(attemptSummary);
    return m.matches() ? Integer.parseInt(m.group(1)) : 0;
  }
}
