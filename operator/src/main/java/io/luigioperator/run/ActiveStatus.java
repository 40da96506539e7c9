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
import io.luigioperator.run.RunSnapshot.Row;
import java.time.Instant;
import java.util.Optional;

/** The status of a run with a live attempt. */
final class ActiveStatus {

  private static final String STARTED = "Started";
  private static final String STOPPING = "Stopping";
  private static final String WAITING_FOR_POD = "WaitingForPod";

  /** A reason with its message. */
  private record Activity(String reason, String message) {}

  private ActiveStatus() {}

  static Optional<PipelineRunStatus> of(
      RunSnapshot s, RunObject object, Row row, Limits limits, Instant now) {
    Optional<Attempt> live = row.live();
    boolean justClaimed =
        live.filter(a -> a.state() == AttemptState.CLAIMED)
            .filter(a -> now.isBefore(a.claimedAt().plus(limits.claimTtl())))
            .isPresent();
    if (justClaimed) {
      return Optional.empty(); // its pod normally appears within milliseconds
    }
    Activity activity =
        live.map(a -> activity(s, row.run(), a))
            .orElse(new Activity(STARTED, "an attempt is live"));
    Conditions c =
        StatusFields.conditions(s, object, row, now)
            .set(QUEUED, FALSE, STARTED, "the run has a slot and its client")
            .set(SUCCEEDED, UNKNOWN, activity.reason(), activity.message())
            .set(FINISHED, FALSE, activity.reason(), "an attempt is live");
    return Optional.of(
        StatusFields.of(object, row, Phase.Running, activity.reason(), activity.message())
            .conditions(c.list())
            .build());
  }

  private static Activity activity(RunSnapshot s, Run run, Attempt attempt) {
    if (attempt.binding().isEmpty()) {
      return new Activity(WAITING_FOR_POD, "attempt %d has no pod yet".formatted(attempt.number()));
    }
    Attempt.Binding binding = attempt.binding().get();
    Optional<ObservedPod> pod = s.observed().flatMap(o -> o.pod(binding.podUid()));
    String node = binding.node().orElse("unknown");
    if (isStuckTerminating(s, pod)) {
      return new Activity(
          FailureCause.NODE_LOST.reason(),
          ("node %s does not respond, so it is unknown whether the pod of attempt %d still runs;"
                  + " when the machine is off, delete the node, or run: kubectl taint nodes %s"
                  + " node.kubernetes.io/out-of-service=nodeshutdown:NoExecute")
              .formatted(node, attempt.number(), node));
    }
    if (binding.missingSince().isPresent()) {
      return new Activity(
          FailureCause.NODE_LOST.reason(),
          ("the pod of attempt %d on node %s has been missing since %s; the run continues when"
                  + " it is certain that the pod has ended")
              .formatted(attempt.number(), node, Instants.toSecond(binding.missingSince().get())));
    }
    if (run.cancel() || binding.stopReason().isPresent()) {
      return new Activity(
          STOPPING,
          "stopping attempt %d: %s"
              .formatted(
                  attempt.number(),
                  binding
                      .stopReason()
                      .map(Attempt.StopReason::message)
                      .orElse(run.stateDetails().message())));
    }
    return pod.filter(p -> p.startedAt().isEmpty() && !p.gated())
        .flatMap(ObservedPod::startFailure)
        .map(f -> new Activity(f.cause().reason(), f.message()))
        .orElse(new Activity(STARTED, "attempt %d is running".formatted(attempt.number())));
  }

  private static boolean isStuckTerminating(RunSnapshot s, Optional<ObservedPod> pod) {
    return s.node().filter(n -> n.is(ObservedNode.Health.NOT_READY)).isPresent()
        && pod.filter(p -> p.terminating() && !p.gone()).isPresent();
  }
}
