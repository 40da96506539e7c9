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
    ContainerEnd container = new ContainerEnd("init container " + name, "", message(end));
    return ofPod(pod, terminating, end, container, "");
  }

  private static Ending ofLuigi(
      Pod pod, ContainerStateTerminated end, String token, boolean terminating) {
    String text = message(end);
    Optional<TerminationMessage> message = TerminationMessage.parse(text);
    String terminationMessage =
        message.isEmpty() || text.length() > MAX_TERMINATION_MESSAGE ? "" : text;
    OptionalInt code = OptionalInt.of(end.getExitCode());
    Optional<Verdict> verdict =
        message
            .flatMap(m -> m.verdict(end.getExitCode(), token))
            // stopped at the pod's deadline: the runner has missed its own, which is earlier
            .filter(v -> v != Verdict.DRAINED || !hasReason(pod, "DeadlineExceeded"));
    if (verdict.isPresent()) {
      String summary = message.get().summary(verdict.get());
      return new Ending(verdict.get(), code, Message.bounded(summary), terminationMessage);
    }
    if (end.getExitCode() == 0) {
      return new Ending(
          FailureCause.NO_VERDICT,
          code,
          "the container exited with code 0, but without a final message of the runner that confirms"
              + " success; is the image based on the Luigi image, with its entrypoint?",
          terminationMessage);
    }
    ContainerEnd container =
        new ContainerEnd(
            "the container",
            message.map(TerminationMessage::during).orElse(""),
            message.isEmpty() ? text : "");
    return ofPod(pod, terminating, end, container, terminationMessage);
  }

  /**
   * @param name of the container, as the subject of a sentence
   * @param during what it was doing, according to its last message
   * @param message the container's termination message, if it is not the runner's
   */
  private record ContainerEnd(String name, String during, String message) {}

  /** There is no final message of the runner; the cause is derived from the status of the pod. */
  private static Ending ofPod(
      Pod pod,
      boolean terminating,
      ContainerStateTerminated end,
      ContainerEnd container,
      String terminationMessage) {
    int code = end.getExitCode();
    FailureCause cause;
    String message;
    if ("OOMKilled".equals(end.getReason())) {
      cause = FailureCause.OOM_KILLED;
      message = container.name() + " was killed because it ran out of memory" + memoryLimit(pod);
    } else if (hasReason(pod, "Evicted")) {
      cause = FailureCause.EVICTED;
      message = "evicted: " + podMessage(pod);
    } else if (hasReason(pod, "DeadlineExceeded")) {
      cause = FailureCause.DEADLINE;
      message = "the runner did not stop at its deadline, so the kubelet stopped the pod";
    } else if (disruption(pod).isPresent()) {
      cause = FailureCause.DISRUPTED;
      message = "disrupted: " + disruption(pod).get();
    } else if (terminating) {
      cause = FailureCause.POD_DELETED;
      message = "the pod was deleted; %s %s".formatted(container.name(), exit(code));
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
