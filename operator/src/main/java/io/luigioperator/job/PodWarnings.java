/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

import io.fabric8.kubernetes.api.model.Event;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.luigioperator.run.Message;
import io.luigioperator.run.ObservedAttempt.ObservedPod;
import java.time.Instant;
import java.util.Comparator;
import java.util.Optional;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The Warning Events about a pod. The status of a pod whose volumes cannot be mounted only says
 * ContainerCreating; the reason is in an Event of the kubelet.
 */
final class PodWarnings {

  private static final Logger LOG = LoggerFactory.getLogger(PodWarnings.class);

  /** Of the scheduler, which has found a node since. */
  private static final String FAILED_SCHEDULING = "FailedScheduling";

  private PodWarnings() {}

  /** Best effort: without an answer the status says less. */
  static Optional<String> newest(KubernetesClient client, ObservedPod pod) {
    try {
      return client
          .v1()
          .events()
          .inNamespace(pod.namespace())
          .withField("involvedObject.uid", pod.uid())
          .withField("type", "Warning")
          .list()
          .getItems()
          .stream()
          .filter(e -> pod.node().isEmpty() || !FAILED_SCHEDULING.equals(e.getReason()))
          .filter(e -> e.getMessage() != null)
          .max(Comparator.comparing(PodWarnings::lastSeen))
          .map(e -> Message.bounded(e.getReason() + ": " + e.getMessage().strip()));
    } catch (KubernetesClientException e) {
      LOG.atInfo()
          .addKeyValue("pod", pod.namespace() + "/" + pod.name())
          .addKeyValue("error", ApiErrors.message(e))
          .log("Events of the pod cannot be read");
      return Optional.empty();
    }
  }

  private static Instant lastSeen(Event e) {
    return Stream.of(
            e.getLastTimestamp(),
            e.getEventTime() == null ? null : e.getEventTime().getTime(),
            e.getMetadata().getCreationTimestamp())
        .flatMap(time -> Observation.instant(time).stream())
        .findFirst()
        .orElse(Instant.EPOCH);
  }
}
