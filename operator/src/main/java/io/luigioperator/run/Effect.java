/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import io.luigioperator.run.ObservedAttempt.ObservedPod;
import java.util.Optional;

/**
 * One change to make, or one fact to find out. Each effect may be carried out twice, late, or not
 * at all without harm, because the operator may crash before or after any of them: the next
 * reconciliation continues from the state that it finds.
 */
public sealed interface Effect {

  // ---- the run's row

  /** Asks the API server by a dry run whether it accepts the pod of this request. */
  record DryRunPod(String request) implements Effect {}

  /**
   * @param object the PipelineRun that requests it
   * @param outcome how the run ended, if the row of an ended run was lost
   */
  record Accept(NewRun run, RunObject object, Optional<RecordedOutcome> outcome)
      implements Effect {}

  /** Ends a waiting run that, as its PipelineRun shows, had ended before the row was restored. */
  record RestoreOutcome(RecordedOutcome outcome) implements Effect {}

  /**
   * Records the object of this cluster. If a user created it, no generation of it is applied yet,
   * and the next decision is to apply its mutable fields.
   */
  record RecordObject(String uid) implements Effect {}

  record Amend(long generation, Amendment amendment) implements Effect {}

  /** Fails the runs whose start deadline has passed. */
  record Expire() implements Effect {}

  // ---- the live attempt

  /** Reads from the API server, because an object that is missing in the cache may exist. */
  record ReadLive() implements Effect {}

  /**
   * @param last whether the attempt is abandoned if the Job cannot be created
   */
  record CreateJob(Attempt attempt, boolean last) implements Effect {}

  record Bind(AttemptRef attempt, String jobUid, String podUid) implements Effect {}

  record OpenGate(ObservedPod pod) implements Effect {}

  record RecordNode(AttemptRef attempt, String podUid, String node) implements Effect {}

  record MarkForStop(AttemptRef attempt, String podUid, FailureCause cause, String message)
      implements Effect {}

  record StopPod(ObservedPod pod) implements Effect {}

  record MarkPodMissing(AttemptRef attempt, String podUid) implements Effect {}

  record ClearPodMissing(AttemptRef attempt, String podUid) implements Effect {}

  record Finish(AttemptRef attempt, String podUid, Ending ending) implements Effect {}

  record Abandon(AttemptRef attempt, Abandonment why) implements Effect {}

  /** Finds out by a dry run why there is no pod, and abandons the attempt if it is refused. */
  record DiagnoseMissingPod(AttemptRef attempt) implements Effect {}

  // ---- the object

  /** Deletes a PipelineRun whose time to live has passed. */
  record DeleteObject(String uid) implements Effect {}
}
