/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import io.luigioperator.run.ObservedAttempt.Leftover;
import io.luigioperator.run.ObservedAttempt.ObservedPod;
import io.luigioperator.run.ObservedAttempt.StartFailure;
import io.luigioperator.run.RunSnapshot.Refusal;
import io.luigioperator.run.RunSnapshot.Row;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;

/** The next step for a bound attempt, of which exactly one pod may run. */
final class BoundAttemptDecider {

  /** How long other containers may run on after that of the pipeline, for example to send logs. */
  private static final Duration LEFTOVER_GRACE = Duration.ofSeconds(15);

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
    return present(s, row, attempt, pod.get(), now);
  }

  private static Decision present(
      RunSnapshot s, Row row, Attempt attempt, ObservedPod pod, Instant now) {
    Attempt.Binding binding = attempt.binding().orElseThrow();
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
      return gated(s, row, attempt, pod, now);
    }
    if (pod.leftover().isPresent()) {
      Instant stop = stopOfLeftover(pod.leftover().get());
      return now.isBefore(stop)
          ? Decision.waitingUntil(stop)
          : Decision.doing(new Effect.StopPod(pod));
    }
    return pod.startedAt().isPresent() ? Decision.waiting() : notStarted(s, row, attempt, pod, now);
  }

  /** Opens the gate, unless the API server has refused that for too long. */
  private static Decision gated(
      RunSnapshot s, Row row, Attempt attempt, ObservedPod pod, Instant now) {
    int startSeconds = row.pipeline().timeouts().startSeconds();
    return s.hints()
        .refusal()
        .filter(Refusal::answered)
        .filter(r -> !now.isBefore(r.since().plusSeconds(startSeconds)))
        .map(
            r ->
                markForStop(
                    attempt,
                    pod,
                    FailureCause.START_TIMEOUT,
                    "its gate could not be opened within startSeconds (%d): %s"
                        .formatted(startSeconds, r.message())))
        .orElseGet(() -> Decision.doing(new Effect.OpenGate(pod)));
  }

  /** When a pod is stopped whose pipeline has ended, but not the other containers. */
  static Instant stopOfLeftover(Leftover leftover) {
    return leftover.since().plus(LEFTOVER_GRACE);
  }

  /** From when on a pod has startSeconds to start: its gate may be opened long after the bind. */
  static Instant startOf(Attempt.Binding binding, ObservedPod pod) {
    return Instants.later(pod.openedAt(), binding.boundAt());
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
      RunSnapshot s, Row row, Attempt attempt, ObservedPod pod, Instant now) {
    Optional<StartFailure> failure = pod.startFailure();
    if (failure
        .map(StartFailure::cause)
        .filter(c -> c == FailureCause.IMAGE_USER_NOT_NUMERIC)
        .isPresent()) {
      return markForStop(attempt, pod, failure.get().cause(), failure.get().message());
    }
    int startSeconds = row.pipeline().timeouts().startSeconds();
    Instant opened = startOf(attempt.binding().orElseThrow(), pod);
    Instant deadline = opened.plusSeconds(startSeconds);
    if (now.isBefore(deadline)) {
      Instant shown = opened.plus(ActiveStatus.STARTING_SHOWN_AFTER);
      return Decision.waitingUntil(now.isBefore(shown) ? shown : deadline);
    }
    String message =
        failure
            .map(StartFailure::message)
            .or(() -> s.hints().podWarning())
            .or(pod::waitsFor)
            .orElse("no reason is known");
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
