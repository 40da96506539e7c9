/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.Pod;
import java.util.Optional;

/**
 * What a webhook or a policy changed in a pod of an attempt so that the pod must not start: the
 * operator sets all of this otherwise, and {@code podTemplate} may not change it.
 */
final class PodDefect {

  private static final String NEVER = "Never";

  private PodDefect() {}

  /** A sentence about the pod without a subject; empty if nothing is wrong with it. */
  static Optional<String> of(Pod pod) {
    String policy = pod.getSpec().getRestartPolicy();
    if (policy != null && !policy.equals(NEVER)) {
      return Optional.of(
          ("has the restartPolicy %s instead of Never, so that the kubelet would run the pipeline"
                  + " again within one attempt")
              .formatted(policy));
    }
    Optional<Container> container =
        pod.getSpec().getContainers().stream()
            .filter(c -> c.getName().equals(JobBlueprint.CONTAINER))
            .findFirst();
    if (container.isEmpty()) {
      return Optional.of(
          "has no container %s, so that its result could not be read"
              .formatted(JobBlueprint.CONTAINER));
    }
    return container
        .filter(PodDefect::isRestarted)
        .map(
            c ->
                ("sets restartPolicy or restartPolicyRules of the container %s, so that the kubelet"
                        + " would run the pipeline again within one attempt")
                    .formatted(c.getName()));
  }

  private static boolean isRestarted(Container container) {
    String policy = container.getRestartPolicy();
    return policy != null && !policy.equals(NEVER) || !container.getRestartPolicyRules().isEmpty();
  }
}
