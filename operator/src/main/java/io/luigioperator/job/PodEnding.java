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
 * How an attempt ended, by the evidence of its terminal pod. Only clean evidence gives an ending:
 * an exit status for every container, so that nothing can still be running.
 */
final class PodEnding {

  private static final int MAX_REPORT = 4096;
  private static final int SIGNALLED = 128;

  private PodEnding() {}

  /** It ended before any node had it, so nothing of it ever ran. */
  static Ending withoutNode(Optional<StartFailure> startFailure) {
    return startFailure
        .map(t -> Ending.of(t.cause(), Message.bounded(t.message())))
        .orElseGet(
            () -> Ending.of(FailureCause.POD_DELETED, "its pod was deleted before it had a node"));
  }

  /**
   * @param token of the attempt; a final message that names another one is not its last word
   */
  static Optional<Ending> of(Pod pod, String token, boolean terminating) {
    for (Container init : pod.getSpec().getInitContainers()) {
      Optional<ContainerStateTerminated> end = Observation.terminated(pod, init.getName());
      if (end.isEmpty()) {
        return Optional.empty();
      }
      if (!Observation.isSidecar(init) && end.get().getExitCode() != 0) {
        return nothingStartedAfter(pod, init)
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

  /** With restartPolicy Never no container starts after an init container that failed. */
  private static boolean nothingStartedAfter(Pod pod, Container failed) {
    var inits = pod.getSpec().getInitContainers();
    var later = inits.subList(inits.indexOf(failed) + 1, inits.size());
    return Stream.concat(later.stream(), pod.getSpec().getContainers().stream())
        .flatMap(c -> Observation.status(pod, c.getName()).stream())
        .noneMatch(s -> s.getState() != null && s.getState().getRunning() != null);
  }

  private static Ending ofInit(
      Pod pod, String name, ContainerStateTerminated end, boolean terminating) {
    return ofPod(pod, terminating, end, new Words("init container " + name, "", words(end)), "");
  }

  private static Ending ofLuigi(
      Pod pod, ContainerStateTerminated end, String token, boolean terminating) {
    String text = words(end);
    Optional<TerminationMessage> message = TerminationMessage.parse(text);
    String report = message.isEmpty() || text.length() > MAX_REPORT ? "" : text;
    OptionalInt code = OptionalInt.of(end.getExitCode());
    Optional<Verdict> verdict =
        message
            .flatMap(m -> m.verdict(end.getExitCode(), token))
            // drained by the pod's own deadline: the runner's, 300 s earlier, had not worked
            .filter(v -> v != Verdict.DRAINED || !hasReason(pod, "DeadlineExceeded"));
    if (verdict.isPresent()) {
      String sentence = message.get().sentence(verdict.get());
      return new Ending(verdict.get(), code, Message.bounded(sentence), report);
    }
    if (end.getExitCode() == 0) {
      return new Ending(
          FailureCause.NO_VERDICT,
          code,
          "the container ended with exit code 0 and without a final message of the runner that"
              + " says so; is the image built on the Luigi image, with its entrypoint?",
          report);
    }
    Words words =
        new Words(
            "the container",
            message.map(TerminationMessage::during).orElse(""),
            message.isEmpty() ? text : "");
    return ofPod(pod, terminating, end, words, report);
  }

  /**
   * @param during what it was at, by its last message
   * @param left what container or kubelet left instead of a runner's message
   */
  private record Words(String who, String during, String left) {}

  /** The runner had no last word; the pod says why. */
  private static Ending ofPod(
      Pod pod, boolean terminating, ContainerStateTerminated end, Words w, String report) {
    int code = end.getExitCode();
    FailureCause cause;
    String what;
    if ("OOMKilled".equals(end.getReason())) {
      cause = FailureCause.OUT_OF_MEMORY;
      what = w.who() + " was killed for memory" + memoryLimit(pod);
    } else if (hasReason(pod, "Evicted")) {
      cause = FailureCause.EVICTED;
      what = "evicted: " + podMessage(pod);
    } else if (hasReason(pod, "DeadlineExceeded")) {
      cause = FailureCause.DEADLINE_BACKSTOP;
      what = "the runner did not end at its own deadline and the pod was ended";
    } else if (disruption(pod).isPresent()) {
      cause = FailureCause.DISRUPTED;
      what = "disrupted: " + disruption(pod).get();
    } else if (terminating) {
      cause = FailureCause.POD_DELETED;
      what = "its pod was deleted; %s %s".formatted(w.who(), exit(code));
    } else {
      cause = FailureCause.KILLED;
      what = w.who() + " " + exit(code);
    }
    String left = w.left().isEmpty() ? "" : ": " + w.left();
    return new Ending(
        cause, OptionalInt.of(code), Message.bounded(what + w.during() + left), report);
  }

  private static String words(ContainerStateTerminated end) {
    return Optional.ofNullable(end.getMessage()).orElse("").strip();
  }

  private static boolean hasReason(Pod pod, String reason) {
    return reason.equals(pod.getStatus().getReason());
  }

  private static String podMessage(Pod pod) {
    return Optional.ofNullable(pod.getStatus().getMessage()).orElse("no reason given").strip();
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
              ? "was ended by signal %d (exit code %d)".formatted(code - SIGNALLED, code)
              : "ended with exit code %d and without a verdict".formatted(code);
    };
  }
}
