/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

import io.fabric8.kubernetes.api.model.ContainerState;
import io.fabric8.kubernetes.api.model.ContainerStateWaiting;
import io.fabric8.kubernetes.api.model.ContainerStatus;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodCondition;
import io.luigioperator.run.FailureCause;
import io.luigioperator.run.ObservedAttempt.StartFailure;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Why a pod does not start, as the scheduler or the kubelet reports it. */
final class PodStartFailure {

  private static final Set<String> IMAGE =
      Set.of(
          "ErrImagePull",
          "ImagePullBackOff",
          "InvalidImageName",
          "ErrImageNeverPull",
          "ImageInspectError",
          "RegistryUnavailable",
          "SignatureValidationFailed");

  private static final Set<String> CONFIGURATION =
      Set.of(
          "CreateContainerConfigError",
          "CreateContainerError",
          "RunContainerError",
          "CreatePodSandboxError",
          "PreCreateHookError",
          "PreStartHookError");

  /** Reasons of the scheduler that end when other pods end. */
  private static final Pattern SHORTAGE =
      Pattern.compile(
          "Insufficient |Too many pods|exceed max volume count"
              + "|node\\.kubernetes\\.io/(memory|disk|pid)-pressure");

  private static final String PREEMPTION = "preemption: ";
  private static final String NOT_HELPFUL = "Preemption is not helpful";
  private static final String NO_VICTIMS = "No preemption victims found";

  private PodStartFailure() {}

  static Optional<StartFailure> of(Pod pod) {
    return unschedulable(pod).or(() -> waiting(pod));
  }

  /** For a pod that ended before it started: the kubelet rejected or evicted it. */
  static Optional<StartFailure> ofEnded(Pod pod) {
    return Optional.ofNullable(pod.getStatus().getReason())
        .map(
            reason ->
                new StartFailure(
                    "Evicted".equals(reason) ? FailureCause.EVICTED : FailureCause.KILLED,
                    "the kubelet ended the pod before it started: %s: %s"
                        .formatted(
                            reason,
                            Optional.ofNullable(pod.getStatus().getMessage())
                                .orElse("no message")
                                .strip()),
                    since(pod, Optional.empty()),
                    false));
  }

  private static Optional<StartFailure> unschedulable(Pod pod) {
    return Observation.condition(pod, "PodScheduled")
        .filter(c -> "False".equals(c.getStatus()) && "Unschedulable".equals(c.getReason()))
        .map(
            c ->
                new StartFailure(
                    FailureCause.UNSCHEDULABLE,
                    Optional.ofNullable(c.getMessage()).orElse("no node fits"),
                    since(pod, Optional.of(c)),
                    isShortage(c.getMessage())));
  }

  /**
   * Whether the scheduler would place the pod if other pods ended. It reports for how many nodes
   * each reason holds, and then for how many of them a preemption would not help: if it would help
   * on none, the pod asks for something that no node has, and other pods do not wait for it.
   */
  private static boolean isShortage(@Nullable String message) {
    if (message == null) {
      return false;
    }
    int preemption = message.indexOf(PREEMPTION);
    String reasons = preemption < 0 ? message : message.substring(0, preemption);
    String answer = preemption < 0 ? "" : message.substring(preemption);
    return SHORTAGE.matcher(reasons).find()
        && (!answer.contains(NOT_HELPFUL) || answer.contains(NO_VICTIMS));
  }

  private static Optional<StartFailure> waiting(Pod pod) {
    if (pod.getStatus() == null) {
      return Optional.empty();
    }
    return Stream.of(
            pod.getStatus().getInitContainerStatuses(), pod.getStatus().getContainerStatuses())
        .flatMap(List::stream)
        .flatMap(s -> waiting(pod, s).stream())
        .findFirst();
  }

  private static Optional<StartFailure> waiting(Pod pod, ContainerStatus status) {
    ContainerStateWaiting waiting =
        Optional.ofNullable(status.getState()).map(ContainerState::getWaiting).orElse(null);
    if (waiting == null || waiting.getReason() == null) {
      return Optional.empty();
    }
    String message =
        "%s: %s"
            .formatted(
                waiting.getReason(), Optional.ofNullable(waiting.getMessage()).orElse("").strip());
    Instant since = since(pod, Observation.condition(pod, "PodScheduled"));
    if (IMAGE.contains(waiting.getReason())) {
      return Optional.of(
          new StartFailure(
              FailureCause.IMAGE_PULL,
              "image %s: %s".formatted(status.getImage(), message),
              since,
              false));
    }
    if (!CONFIGURATION.contains(waiting.getReason())) {
      return Optional.empty();
    }
    return Optional.of(
        imageUser(status.getImage(), message)
            .map(hint -> new StartFailure(FailureCause.IMAGE_USER_NOT_NUMERIC, hint, since, false))
            .orElseGet(
                () ->
                    new StartFailure(
                        FailureCause.START_TIMEOUT,
                        "container %s: %s".formatted(status.getName(), message),
                        since,
                        false)));
  }

  /** How to change the Dockerfile if the kubelet cannot verify that the user is not root. */
  private static Optional<String> imageUser(String image, String message) {
    String advice = "end its Dockerfile with a numeric USER, such as USER 10001";
    if (message.contains("non-numeric user")) {
      return Optional.of(
          "image %s sets USER to a name, so the kubelet cannot verify that it is not root; %s (%s)"
              .formatted(image, advice, message));
    }
    if (message.contains("image will run as root")
        || message.contains("runAsUser breaks non-root")) {
      return Optional.of(
          "image %s runs as root, but the pod requires runAsNonRoot; %s (%s)"
              .formatted(image, advice, message));
    }
    return Optional.empty();
  }

  private static Instant since(Pod pod, Optional<PodCondition> condition) {
    return condition
        .flatMap(c -> Observation.instant(c.getLastTransitionTime()))
        .or(() -> Observation.instant(pod.getMetadata().getCreationTimestamp()))
        .orElse(Instant.EPOCH);
  }
}
