/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import static io.luigioperator.run.Conditions.FALSE;
import static io.luigioperator.run.Conditions.FINISHED;
import static io.luigioperator.run.Conditions.QUEUED;
import static io.luigioperator.run.Conditions.SUCCEEDED;
import static io.luigioperator.run.Conditions.UNKNOWN;

import io.luigioperator.api.Phase;
import io.luigioperator.api.PipelineRunStatus;
import io.luigioperator.run.ObservedAttempt.ObservedPod;
import io.luigioperator.run.ObservedAttempt.StartFailure;
import io.luigioperator.run.RunSnapshot.Row;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;

/** The status of a run with a live attempt. */
final class ActiveStatus {

  /**
   * For so long a pod that starts is not in the status, which saves a write for one that starts at
   * once.
   */
  static final Duration STARTING_SHOWN_AFTER = Duration.ofSeconds(5);

  private static final String STARTED = "Started";
  private static final String STARTING = "Starting";
  private static final String STOPPING = "Stopping";
  private static final String WAITING_FOR_POD = "WaitingForPod";

  /** A reason with its message. */
  private record Activity(String reason, String message) {
    Activity with(Optional<String> addition) {
      return addition.map(a -> new Activity(reason, message + "; " + a)).orElse(this);
    }
  }

  private ActiveStatus() {}

  /** Empty when the status should stay as it is. */
  static Optional<PipelineRunStatus> of(
      RunSnapshot s, RunObject object, Row row, Limits limits, Instant now) {
    Optional<Attempt> live = row.live();
    Optional<Activity> activity =
        live.isPresent()
            ? activity(s, row.run(), live.get(), limits, now)
            : Optional.of(new Activity(STARTED, "an attempt is live"));
    return activity
        .map(a -> a.with(s.hints().refusal().map(RunSnapshot.Refusal::message)))
        .map(a -> status(s, object, row, a, now));
  }

  private static PipelineRunStatus status(
      RunSnapshot s, RunObject object, Row row, Activity activity, Instant now) {
    Conditions c =
        StatusFields.conditions(s, object, row, now)
            .set(QUEUED, FALSE, STARTED, "the run has a slot and its client")
            .set(SUCCEEDED, UNKNOWN, activity.reason(), activity.message())
            .set(FINISHED, FALSE, activity.reason(), "an attempt is live");
    return StatusFields.of(object, row, Phase.Running, activity.reason(), activity.message())
        .conditions(c.list())
        .build();
  }

  /** Empty for an attempt that normally starts within a moment. */
  private static Optional<Activity> activity(
      RunSnapshot s, Run run, Attempt attempt, Limits limits, Instant now) {
    if (!attempt.cluster().equals(s.cluster())) {
      return activity(
          STARTED,
          "attempt %d runs in cluster %s; its PipelineRun there shows the progress"
              .formatted(attempt.number(), ClusterIdentity.clusterIdOf(attempt.cluster())));
    }
    if (attempt.binding().isEmpty()) {
      return withoutPod(s, attempt, limits, now);
    }
    Attempt.Binding binding = attempt.binding().get();
    Optional<ObservedPod> pod = s.observed().flatMap(o -> o.pod(binding.podUid()));
    Optional<Activity> ending = ending(s, run, attempt, binding, pod);
    if (ending.isPresent()) {
      return ending;
    }
    Optional<String> unlabelled =
        pod.filter(p -> !p.labelled() && !p.gone()).map(MissingPod::withoutLabels);
    Activity running = new Activity(STARTED, "attempt %d is running".formatted(attempt.number()));
    return pod.filter(p -> p.startedAt().isEmpty() && !p.terminal() && !p.terminating())
        .map(p -> starting(s, attempt, binding, p, now))
        .orElse(Optional.of(running))
        .map(a -> a.with(unlabelled));
  }

  private static Optional<Activity> withoutPod(
      RunSnapshot s, Attempt attempt, Limits limits, Instant now) {
    Optional<ObservedAttempt.ObservedJob> job =
        s.observed().flatMap(ObservedAttempt::job).filter(j -> j.token().equals(attempt.token()));
    Optional<String> defect = job.flatMap(j -> MissingPod.defect(j, s.observed().orElseThrow()));
    boolean justClaimed =
        now.isBefore(attempt.claimedAt().plus(limits.claimTtl()))
            && defect.isEmpty()
            && s.hints().refusal().isEmpty();
    return justClaimed
        ? Optional.empty()
        : Optional.of(
            new Activity(WAITING_FOR_POD, "attempt %d has no pod yet".formatted(attempt.number()))
                .with(defect));
  }

  /** Why the attempt does not go on, or how it comes to its end. */
  private static Optional<Activity> ending(
      RunSnapshot s, Run run, Attempt attempt, Attempt.Binding binding, Optional<ObservedPod> pod) {
    String node = binding.node().orElse("unknown");
    if (isStuckTerminating(s, pod)) {
      return activity(
          FailureCause.NODE_LOST.reason(),
          ("node %s does not respond, so it is unknown whether the pod of attempt %d still runs;"
                  + " when the machine is off, delete the node, or run: kubectl taint nodes %s"
                  + " node.kubernetes.io/out-of-service=nodeshutdown:NoExecute")
              .formatted(node, attempt.number(), node));
    }
    if (binding.missingSince().isPresent()) {
      return activity(
          FailureCause.NODE_LOST.reason(),
          ("the pod of attempt %d on node %s has been missing since %s; the run continues when"
                  + " it is certain that the pod has ended")
              .formatted(attempt.number(), node, Instants.toSecond(binding.missingSince().get())));
    }
    if (run.cancel() || binding.stopReason().isPresent()) {
      return activity(
          STOPPING,
          "stopping attempt %d: %s"
              .formatted(
                  attempt.number(),
                  binding
                      .stopReason()
                      .map(Attempt.StopReason::message)
                      .orElse(run.stateDetails().message())));
    }
    return pod.flatMap(ObservedPod::leftover)
        .flatMap(
            l ->
                activity(
                    STOPPING,
                    ("the pipeline of attempt %d has ended, and its pod is stopped at %s, because"
                            + " these containers still run: %s")
                        .formatted(
                            attempt.number(),
                            Instants.toSecond(BoundAttemptDecider.stopOfLeftover(l)),
                            String.join(", ", l.containers()))));
  }

  private static Optional<Activity> activity(String reason, String message) {
    return Optional.of(new Activity(reason, message));
  }

  /** No container has started. */
  private static Optional<Activity> starting(
      RunSnapshot s, Attempt attempt, Attempt.Binding binding, ObservedPod pod, Instant now) {
    if (!pod.gated() && pod.startFailure().isPresent()) {
      StartFailure failure = pod.startFailure().get();
      return activity(failure.cause().reason(), failure.message());
    }
    Instant shown = BoundAttemptDecider.startOf(binding, pod).plus(STARTING_SHOWN_AFTER);
    if (now.isBefore(shown) && s.hints().refusal().isEmpty()) {
      return Optional.empty();
    }
    String waitsFor =
        pod.gated()
            ? "the operator has not opened the gate of its pod"
            : s.hints()
                .podWarning()
                .map(w -> pod.waitsFor().map(r -> r + "; " + w).orElse(w))
                .or(pod::waitsFor)
                .orElse(
                    pod.node().isEmpty()
                        ? "its pod is not scheduled yet"
                        : "the kubelet has not reported about its pod yet");
    return activity(
        STARTING, "attempt %d has not started: %s".formatted(attempt.number(), waitsFor));
  }

  private static boolean isStuckTerminating(RunSnapshot s, Optional<ObservedPod> pod) {
    return s.node().filter(n -> n.is(ObservedNode.Health.NOT_READY)).isPresent()
        && pod.filter(p -> p.terminating() && !p.gone()).isPresent();
  }
}
