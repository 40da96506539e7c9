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
import static io.luigioperator.run.Conditions.UNKNOWN;

import io.luigioperator.api.Phase;
import io.luigioperator.api.PipelineRunStatus;
import io.luigioperator.run.ObservedAttempt.ObservedPod;
import io.luigioperator.run.RunSnapshot.Row;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;

/** The status of a run that waits: for its client, a slot, a time or a person. */
final class QueuedStatus {

  /** A run that may start at once gets no status for so long, which saves a write if it does. */
  private static final Duration WRITE_DELAY = Duration.ofSeconds(2);

  private QueuedStatus() {}

  static Optional<PipelineRunStatus> of(RunSnapshot s, RunObject object, Row row, Instant now) {
    if (writtenAt(row.run()).filter(now::isBefore).isPresent()) {
      return Optional.empty();
    }
    String reason = reason(row);
    String message = message(s, row, reason);
    Conditions c = StatusFields.conditions(s, object, row, now);
    if (reason.equals(Reasons.WAITING_FOR_CLIENT) || reason.equals(Reasons.SCHEDULE_LIMIT)) {
      // one write while it waits, and not one for each run that ends before its turn
      c.setLasting(QUEUED, TRUE, reason, message);
    } else {
      c.set(QUEUED, TRUE, reason, message);
    }
    c.set(SUCCEEDED, UNKNOWN, reason, "the run has not ended")
        .set(FINISHED, FALSE, reason, "the run is waiting");
    Phase phase = reason.equals(Reasons.BACKING_OFF) ? Phase.Retrying : Phase.Queued;
    return Optional.of(
        StatusFields.of(object, row, phase, reason, c.message(QUEUED))
            .conditions(c.list())
            .build());
  }

  /**
   * When a fresh run that has not started gets its first status; empty if at once. Later changes of
   * what it waits for come from events and from the sweep, so that a waiting run costs nothing.
   */
  static Optional<Instant> writtenAt(Run run) {
    return run.state() == RunState.READY || run.waitsForLimit()
        ? Optional.of(run.times().readySince().plus(WRITE_DELAY))
        : Optional.empty();
  }

  /**
   * @param withoutNode the pod for which the cluster counts as full for its namespace
   */
  static String waitingForCapacity(Optional<ObservedPod> withoutNode) {
    return withoutNode
        .map(
            p ->
                ("waiting for free resources in the cluster; no run of namespace %s starts, because"
                        + " the scheduler finds no node with enough free resources for pod %s")
                    .formatted(p.namespace(), p.name()))
        .orElse("waiting for a free slot in the cluster, or for one of its namespace");
  }

  private static String reason(Row row) {
    if (row.run().state() != RunState.READY) {
      return row.run().stateDetails().reason();
    }
    return row.holder().isPresent() ? Reasons.WAITING_FOR_CLIENT : Reasons.WAITING_FOR_CAPACITY;
  }

  private static String message(RunSnapshot s, Row row, String reason) {
    Run run = row.run();
    Instant start = Instants.toSecond(run.times().readySince());
    return switch (reason) {
      case Reasons.WAITING_FOR_CLIENT ->
          "waiting until run %s of client %s has ended"
              .formatted(row.holder().orElseThrow().name(), run.definition().client());
      case Reasons.WAITING_FOR_CAPACITY -> waitingForCapacity(s.hints().withoutNode());
      case Reasons.WAITING_FOR_TIME -> "waiting until " + start;
      case Reasons.SCHEDULE_LIMIT ->
          "waiting since %s for other runs of schedule %s to end%s"
              .formatted(
                  start,
                  run.definition().schedule(),
                  s.hints()
                      .limit()
                      .map(
                          use ->
                              "; its maxConcurrentRuns is %d, and %d of its runs wait for a slot,"
                                      .formatted(use.maxRuns(), use.runs())
                                  + " run, or wait for their next attempt")
                      .orElse(""));
      case Reasons.BACKING_OFF ->
          "next attempt at %s, %s".formatted(start, run.stateDetails().message());
      case Reasons.OBJECT_REFUSED ->
          "next try at %s, %s".formatted(start, run.stateDetails().message());
      default -> run.stateDetails().message();
    };
  }
}
