/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import static io.luigioperator.run.Conditions.ACCEPTED;
import static io.luigioperator.run.Conditions.STALLED;
import static io.luigioperator.run.Conditions.TRUE;

import io.luigioperator.api.AttemptStatus;
import io.luigioperator.api.Phase;
import io.luigioperator.api.PipelineRunStatus;
import io.luigioperator.api.ResolvedStatus;
import io.luigioperator.run.RunSnapshot.Row;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/** The fields that several statuses have in common. */
final class StatusFields {

  private StatusFields() {}

  /** Of any PipelineRun. */
  static PipelineRunStatus.Builder of(
      RunObject object, Phase phase, String reason, String message) {
    return PipelineRunStatus.builder()
        .observedGeneration(object.generation())
        .phase(phase)
        .reason(reason)
        .message(Message.bounded(message));
  }

  /** Of a PipelineRun whose run is in the ledger. */
  static PipelineRunStatus.Builder of(
      RunObject object, Row row, Phase phase, String reason, String message) {
    Run run = row.run();
    PipelineRunStatus.Builder b =
        of(object, phase, reason, message)
            .queuedTime(Instants.toSecond(run.times().acceptedAt()))
            .attemptSummary(run.budget().counted() + "/" + run.budget().maxAttempts())
            .attempts(row.attempts().stream().map(StatusFields::attempt).toList());
    row.request().map(r -> resolved(r, run)).ifPresent(b::resolved);
    run.times().startedAt().ifPresent(t -> b.startTime(Instants.toSecond(t)));
    run.times().finishedAt().ifPresent(t -> b.completionTime(Instants.toSecond(t)));
    newestMessage(row.attempts()).flatMap(TaskCounts::of).ifPresent(b::luigi);
    return b;
  }

  /** The conditions of a PipelineRun whose run is in the ledger, with Accepted set. */
  static Conditions conditions(RunSnapshot s, RunObject object, Row row, Instant now) {
    long used = row.request().map(Request::scheduleGeneration).orElse(0L);
    String message =
        s.schedule()
            .filter(schedule -> used > 0 && schedule.generation() > used)
            .map(
                schedule ->
                    ("accepted with generation %d of PipelineSchedule %s, which has changed since;"
                            + " create a new PipelineRun to use the new one")
                        .formatted(used, schedule.name()))
            .orElse("the run is in the ledger");
    Conditions c =
        new Conditions(object, now)
            .set(ACCEPTED, TRUE, Reasons.ACCEPTED, message + notApplied(object, row));
    object
        .parsedSpec()
        .problem()
        .ifPresent(
            problem ->
                c.set(
                    STALLED,
                    TRUE,
                    Reasons.SPEC_UNREADABLE,
                    "the run continues as accepted, because the operator cannot read its newest"
                        + " spec: "
                        + problem));
    return c;
  }

  private static String notApplied(RunObject object, Row row) {
    List<String> exceeded =
        object
            .readableSpec()
            .flatMap(spec -> row.request().map(r -> RunLimits.of(r).exceeded(spec)))
            .orElse(List.of());
    return exceeded.isEmpty()
        ? ""
        : "; not applied, because of the limits of the schedule: " + String.join("; ", exceeded);
  }

  private static ResolvedStatus resolved(Request r, Run run) {
    return new ResolvedStatus(
        r.pipeline().image(),
        r.scheduleGeneration() == 0 ? null : r.scheduleGeneration(),
        r.mode(),
        run.priority());
  }

  private static Optional<String> newestMessage(List<Attempt> attempts) {
    return attempts.stream()
        .flatMap(a -> a.end().stream())
        .map(Attempt.End::terminationMessage)
        .filter(r -> !r.isEmpty())
        .findFirst();
  }

  private static AttemptStatus attempt(Attempt a) {
    Optional<Attempt.End> end = a.end();
    return new AttemptStatus(
        a.number(),
        a.jobName(),
        Instants.toSecond(a.binding().map(Attempt.Binding::boundAt).orElse(a.claimedAt())),
        end.map(e -> Instants.toSecond(e.endedAt())).orElse(null),
        end.filter(e -> e.exitCode().isPresent()).map(e -> e.exitCode().getAsInt()).orElse(null),
        end.map(Attempt.End::reason).orElse(null),
        end.map(e -> Message.bounded(e.message())).filter(m -> !m.isEmpty()).orElse(null));
  }
}
