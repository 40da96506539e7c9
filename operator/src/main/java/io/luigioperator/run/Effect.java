/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import io.luigioperator.run.ObservedAttempt.ObservedPod;

/**
 * One thing to do to the world. Each is safe to do twice, late, or not at all: between any two of
 * them the operator may crash, and whoever looks next decides the same again.
 */
public sealed interface Effect {

  // ---- the run's row

  /** Asks the API server whether it would take the pod of this request. */
  record DryRunPod(String request) implements Effect {}

  record Accept(NewRun run, String uid, long generation) implements Effect {}

  /**
   * Records the object of this cluster, with nothing of it applied yet: the next look brings the
   * row up to its mutable fields.
   */
  record RecordObject(String uid) implements Effect {}

  record Amend(long generation, Amendment amendment) implements Effect {}

  /** Fails the runs whose time to start is over. */
  record Expire() implements Effect {}

  // ---- the live attempt

  /** Looks at the API server itself: a cache says nothing about absence. */
  record ReadLive() implements Effect {}

  record CreateJob(Attempt attempt) implements Effect {}

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

  /** Asks by dry run why no pod comes, and abandons the attempt if the answer is a refusal. */
  record DiagnoseMissingPod(AttemptRef attempt) implements Effect {}

  // ---- the object

  /** Deletes the PipelineRun whose time to live has passed. */
  record DeleteObject(String uid) implements Effect {}
}
