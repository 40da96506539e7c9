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
import java.util.stream.Stream;

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
                    since(pod, Optional.empty())));
  }

  private static Optional<StartFailure> unschedulable(Pod pod) {
    return Observation.condition(pod, "PodScheduled")
        .filter(c -> "False".equals(c.getStatus()) && "Unschedulable".equals(c.getReason()))
        .map(
            c ->
                new StartFailure(
                    FailureCause.UNSCHEDULABLE,
                    Optional.ofNullable(c.getMessage()).orElse("no node fits"),
                    since(pod, Optional.of(c))));
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
              since));
    }
    if (!CONFIGURATION.contains(waiting.getReason())) {
      return Optional.empty();
    }
    return Optional.of(
        imageUser(status.getImage(), message)
            .map(hint -> new StartFailure(FailureCause.IMAGE_USER_NOT_NUMERIC, hint, since))
            .orElseGet(
                () ->
                    new StartFailure(
                        FailureCause.START_TIMEOUT,
                        "container %s: %s".formatted(status.getName(), message),
                        since)));
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
