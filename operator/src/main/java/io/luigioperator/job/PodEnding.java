/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.ContainerStateTerminated;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.Quantity;
import io.luigioperator.run.Ending;
import io.luigioperator.run.FailureCause;
import io.luigioperator.run.Message;
import io.luigioperator.run.ObservedAttempt.StartFailure;
import io.luigioperator.run.Verdict;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.Stream;

/**
 * How an attempt ended, derived from its terminal pod. There is an ending only if no container can
 * still be running: every container has an exit status, or an init container failed and nothing
 * runs.
 */
final class PodEnding {

  private static final int MAX_TERMINATION_MESSAGE = 4096;
  private static final int SIGNALLED = 128;
  private static final int SIGTERM = 15;
  private static final int NO_CODE = -1;
  private static final String DEADLINE_EXCEEDED = "DeadlineExceeded";

  /** Between the clocks of the API server and of a node. */
  private static final Duration CLOCK_DIFFERENCE = Duration.ofSeconds(5);

  private PodEnding() {}

  /** The pod ended before it was scheduled, so none of its containers ever ran. */
  static Ending withoutNode(Optional<StartFailure> startFailure) {
    return startFailure
        .map(f -> Ending.of(f.cause(), Message.bounded(f.message())))
        .orElseGet(
            () ->
                Ending.of(FailureCause.POD_DELETED, "the pod was deleted before it was scheduled"));
  }

  /**
   * @param token of the attempt; a final message with another token is not accepted
   */
  static Optional<Ending> of(Pod pod, String token, boolean terminating) {
    for (Container init : pod.getSpec().getInitContainers()) {
      Optional<ContainerStateTerminated> end = Observation.terminated(pod, init.getName());
      if (end.isEmpty()) {
        return Optional.empty();
      }
      if (!Observation.isSidecar(init) && end.get().getExitCode() != 0) {
        return nothingRunsAfter(pod, init)
            ? Optional.of(ofInit(pod, init.getName(), end.get(), terminating))
            : Optional.empty();
      }
    }
    for (Container container : pod.getSpec().getContainers()) {
      if (Observation.terminated(pod, container.getName()).isEmpty()) {
        return Optional.empty();
      }
    }
    return Observation.terminated(pod, JobBlueprint.CONTAINER)
        .map(end -> ofLuigi(pod, end, token, terminating));
  }

  /** With restartPolicy Never no container starts after a failed init container. */
  private static boolean nothingRunsAfter(Pod pod, Container failed) {
    var inits = pod.getSpec().getInitContainers();
    var later = inits.subList(inits.indexOf(failed) + 1, inits.size());
    return Stream.concat(later.stream(), pod.getSpec().getContainers().stream())
        .flatMap(c -> Observation.status(pod, c.getName()).stream())
        .noneMatch(s -> s.getState() != null && s.getState().getRunning() != null);
  }

  private static Ending ofInit(
      Pod pod, String name, ContainerStateTerminated end, boolean terminating) {
    ContainerEnd container =
        new ContainerEnd("init container " + name, end, "", message(end), NO_CODE);
    return ofPod(pod, isStopped(pod, end, terminating), container, "");
  }

  private static Ending ofLuigi(
      Pod pod, ContainerStateTerminated end, String token, boolean terminating) {
    String text = message(end);
    int code = end.getExitCode();
    boolean stopped = isStopped(pod, end, terminating);
    Optional<TerminationMessage> message = TerminationMessage.parse(text);
    String terminationMessage =
        message
            .map(m -> m.asJson(text))
            .filter(json -> json.length() <= MAX_TERMINATION_MESSAGE)
            .orElse("");
    Optional<Verdict> verdict =
        message
            .map(m -> m.verdict(code, token))
            .orElseGet(() -> TerminationMessage.ofUnreadable(text, code));
    if (verdict.filter(v -> v != Verdict.DRAINED || isDrained(pod, stopped)).isPresent()) {
      String summary =
          message
              .map(m -> m.summary(verdict.get()))
              .orElse("exit code %d, without a readable message of the runner".formatted(code));
      return new Ending(
          verdict.get(), OptionalInt.of(code), Message.bounded(summary), terminationMessage);
    }
    if (code == 0) {
      return new Ending(
          FailureCause.NO_VERDICT,
          OptionalInt.of(code),
          "the container exited with code 0, but without a final message of the runner that confirms"
              + " success; is the image based on the Luigi image, with its entrypoint?",
          terminationMessage);
    }
    ContainerEnd container =
        new ContainerEnd(
            "the container",
            end,
            message.map(TerminationMessage::during).orElse(""),
            message.isEmpty() ? text : "",
            Verdict.DRAINED.exitCode());
    return ofPod(pod, stopped, container, terminationMessage);
  }

  /**
   * Whether a runner that was stopped by SIGTERM was stopped by Kubernetes or the operator. At the
   * deadline of the pod it is not: the runner has missed its own, which is earlier.
   */
  private static boolean isDrained(Pod pod, boolean stopped) {
    return !hasReason(pod, DEADLINE_EXCEEDED) && (stopped || disruption(pod).isPresent());
  }

  /**
   * Whether the pod was deleted before the container ended. One that was deleted later, for example
   * because only its sidecars were still running, did not end for that reason.
   */
  private static boolean isStopped(Pod pod, ContainerStateTerminated end, boolean terminating) {
    Optional<Instant> finished = Observation.instant(end.getFinishedAt());
    Optional<Instant> deleted =
        Observation.instant(pod.getMetadata().getDeletionTimestamp())
            .map(t -> t.minusSeconds(gracePeriod(pod)));
    return terminating
        && (finished.isEmpty()
            || deleted.isEmpty()
            || !deleted.get().isAfter(finished.get().plus(CLOCK_DIFFERENCE)));
  }

  /** A deletionTimestamp is the time of the request plus the grace period. */
  private static long gracePeriod(Pod pod) {
    return Optional.ofNullable(pod.getMetadata().getDeletionGracePeriodSeconds()).orElse(0L);
  }

  /**
   * @param name of the container, as the subject of a sentence
   * @param during what it was doing, according to its last message
   * @param message the container's termination message, if it is not the runner's
   * @param drained the exit code with which it ends after SIGTERM, if it chooses one
   */
  private record ContainerEnd(
      String name, ContainerStateTerminated state, String during, String message, int drained) {}

  /** There is no final message of the runner; the cause is derived from the status of the pod. */
  private static Ending ofPod(
      Pod pod, boolean stopped, ContainerEnd container, String terminationMessage) {
    int code = container.state().getExitCode();
    FailureCause cause;
    String message;
    if ("OOMKilled".equals(container.state().getReason())) {
      cause = FailureCause.OOM_KILLED;
      message = container.name() + " was killed because it ran out of memory" + memoryLimit(pod);
    } else if (hasReason(pod, "Evicted")) {
      cause = FailureCause.EVICTED;
      message = "evicted: " + podMessage(pod);
    } else if (hasReason(pod, DEADLINE_EXCEEDED)) {
      cause = FailureCause.DEADLINE;
      message = "the runner did not stop at its deadline, so the kubelet stopped the pod";
    } else if (disruption(pod).isPresent()) {
      cause = FailureCause.DISRUPTED;
      message = "disrupted: " + disruption(pod).get();
    } else if (stopped) {
      cause = FailureCause.POD_DELETED;
      message = "the pod was deleted; %s %s".formatted(container.name(), exit(code));
    } else if (code == SIGNALLED + SIGTERM || code == container.drained()) {
      cause = FailureCause.TERMINATED;
      message =
          container.name()
              + " ended by a SIGTERM that neither Kubernetes nor the operator sent to stop the pod:"
              + " its own code or a failed liveness probe did (exit code %d)".formatted(code);
    } else {
      cause = FailureCause.KILLED;
      message = container.name() + " " + exit(code);
    }
    String suffix = container.message().isEmpty() ? "" : ": " + container.message();
    return new Ending(
        cause,
        OptionalInt.of(code),
        Message.bounded(message + container.during() + suffix),
        terminationMessage);
  }

  private static String message(ContainerStateTerminated end) {
    return Optional.ofNullable(end.getMessage()).orElse("").strip();
  }

  private static boolean hasReason(Pod pod, String reason) {
    return reason.equals(pod.getStatus().getReason());
  }

  private static String podMessage(Pod pod) {
    return Optional.ofNullable(pod.getStatus().getMessage()).orElse("no message").strip();
  }

  private static Optional<String> disruption(Pod pod) {
    return Observation.condition(pod, "DisruptionTarget")
        .filter(c -> "True".equals(c.getStatus()))
        .map(c -> c.getReason() + (c.getMessage() == null ? "" : ", " + c.getMessage()));
  }

  private static String memoryLimit(Pod pod) {
    return pod.getSpec().getContainers().stream()
        .filter(c -> c.getName().equals(JobBlueprint.CONTAINER) && c.getResources() != null)
        .flatMap(c -> Optional.ofNullable(c.getResources().getLimits()).stream())
        .flatMap(l -> Optional.ofNullable(l.get("memory")).stream())
        .map(Quantity::toString)
        .findFirst()
        .map(limit -> " (limit " + limit + ")")
        .orElse("");
  }

  private static String exit(int code) {
    return switch (code) {
      case 137 -> "was killed (exit code 137, SIGKILL)";
      case 139 -> "crashed (exit code 139, SIGSEGV)";
      case 143 -> "was terminated (exit code 143, SIGTERM)";
      default ->
          code > SIGNALLED && code < 2 * SIGNALLED
              ? "was terminated by signal %d (exit code %d)".formatted(code - SIGNALLED, code)
              : "exited with code %d and without a verdict".formatted(code);
    };
  }
}
