/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import io.luigioperator.run.ObservedAttempt.ObservedPod;
import io.luigioperator.run.ObservedAttempt.StartFailure;
import io.luigioperator.run.RunSnapshot.Row;
import java.time.Instant;
import java.util.Optional;

/** The next step for a bound attempt, of which exactly one pod may run. */
final class BoundAttemptDecider {

  private final MissingPodDecider missing;

  BoundAttemptDecider(Limits limits) {
    this.missing = new MissingPodDecider(limits);
  }

  Decision decide(RunSnapshot s, Row row, Attempt attempt, Instant now) {
    Attempt.Binding binding = attempt.binding().orElseThrow();
    Optional<ObservedPod> pod = s.observed().orElseThrow().pod(binding.podUid());
    Optional<Ending> ending = pod.flatMap(ObservedPod::ending);
    if (ending.isPresent()) {
      return Decision.doing(new Effect.Finish(attempt.ref(), binding.podUid(), ending.get()));
    }
    if (pod.isEmpty() || pod.get().gone() || pod.get().terminal()) {
      // a pod that the kubelet refuses at once may never have been observed before it was terminal
      return pod.flatMap(p -> newNode(attempt, binding, p))
          .orElseGet(() -> missing.decide(s, attempt, binding, pod, now));
    }
    return present(row, attempt, binding, pod.get(), now);
  }

  private static Decision present(
      Row row, Attempt attempt, Attempt.Binding binding, ObservedPod pod, Instant now) {
    if (binding.missingSince().isPresent()) {
      return Decision.doing(new Effect.ClearPodMissing(attempt.ref(), pod.uid()));
    }
    Optional<Decision> node = newNode(attempt, binding, pod);
    if (node.isPresent()) {
      return node.get();
    }
    if (pod.terminating()) {
      // without a limit if its node is down, because nothing proves that the pod has ended
      return Decision.waiting();
    }
    if (row.run().cancel() || binding.stopReason().isPresent()) {
      return Decision.doing(new Effect.StopPod(pod));
    }
    if (pod.gated()) {
      return Decision.doing(new Effect.OpenGate(pod));
    }
    return pod.startedAt().isPresent()
        ? Decision.waiting()
        : notStarted(row, attempt, binding, pod, now);
  }

  /** Records the node of the pod, if it is not recorded yet. */
  private static Optional<Decision> newNode(
      Attempt attempt, Attempt.Binding binding, ObservedPod pod) {
    return pod.node()
        .filter(node -> !binding.node().equals(Optional.of(node)))
        .map(node -> Decision.doing(new Effect.RecordNode(attempt.ref(), pod.uid(), node)));
  }

  /** The gate is open, and no container has started yet. */
  private static Decision notStarted(
      Row row, Attempt attempt, Attempt.Binding binding, ObservedPod pod, Instant now) {
    Optional<StartFailure> failure = pod.startFailure();
    if (failure
        .map(StartFailure::cause)
        .filter(c -> c == FailureCause.IMAGE_USER_NOT_NUMERIC)
        .isPresent()) {
      return markForStop(attempt, pod, failure.get().cause(), failure.get().message());
    }
    int startSeconds = row.pipeline().timeouts().startSeconds();
    Instant deadline = binding.boundAt().plusSeconds(startSeconds);
    if (now.isBefore(deadline)) {
      return Decision.waitingUntil(deadline);
    }
    String message = failure.map(StartFailure::message).orElse("no reason is known");
    return markForStop(
        attempt,
        pod,
        failure.map(StartFailure::cause).orElse(FailureCause.START_TIMEOUT),
        "no container started within startSeconds (%d): %s".formatted(startSeconds, message));
  }

  private static Decision markForStop(
      Attempt attempt, ObservedPod pod, FailureCause cause, String message) {
    return Decision.doing(new Effect.MarkForStop(attempt.ref(), pod.uid(), cause, message));
  }
}
