/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import io.luigioperator.run.ObservedAttempt.ObservedPod;
import java.time.InstantSource;
import java.time.temporal.ChronoUnit;
import java.util.OptionalInt;
import java.util.stream.IntStream;

/**
 * Removes the scheduling gate of one pod, identified by its UID; this starts the attempt. One patch
 * tests the UID and the gate and removes the gate, so that a delayed or repeated request cannot
 * open another pod. It also records the time, from which the pod has startSeconds to start.
 */
final class SchedulingGate {

  /** The scheduling gate that every pod of the operator is created with. */
  static final String NAME = Labels.GROUP + "launch";

  /** A pod rarely has other gates. */
  private static final int USUAL_INDEX = 0;

  private final KubernetesClient client;
  private final ClusterView view;
  private final InstantSource clock;

  /**
   * @param clock of this host, for the time of the opening
   */
  SchedulingGate(KubernetesClient client, ClusterView view, InstantSource clock) {
    this.client = client;
    this.view = view;
    this.clock = clock;
  }

  /**
   * @return false if the pod is gone, or its gate is open already
   */
  boolean open(ObservedPod pod) {
    String action = "opening the gate of pod %s/%s".formatted(pod.namespace(), pod.name());
    try {
      return patch(pod, USUAL_INDEX);
    } catch (KubernetesClientException e) {
      if (e.getCode() != ApiErrors.UNPROCESSABLE) {
        throw ApiErrors.failure(action, e);
      }
      // a test of the patch failed: another pod, an open gate, or another gate at this index
      OptionalInt index = currentIndex(pod, action);
      if (index.isEmpty()) {
        return false;
      }
      if (index.getAsInt() == USUAL_INDEX) {
        throw ApiErrors.failure(action, e);
      }
      return ApiErrors.send(action, () -> patch(pod, index.getAsInt()));
    }
  }

  private boolean patch(ObservedPod pod, int index) {
    String patch =
        """
        [{"op":"test","path":"/metadata/uid","value":"%s"},
         {"op":"test","path":"/spec/schedulingGates/%d/name","value":"%s"},
         {"op":"remove","path":"/spec/schedulingGates/%d"},
         {"op":"add","path":"/metadata/annotations/%s","value":"%s"}]
        """
            .formatted(
                pod.uid(),
                index,
                NAME,
                index,
                Annotations.GATE_OPENED.replace("/", "~1"),
                clock.instant().truncatedTo(ChronoUnit.MILLIS));
    try {
      // with an object, because by name alone the client would read the pod first
      view.update(
          client
              .resource(
                  new PodBuilder()
                      .withNewMetadata()
                      .withNamespace(pod.namespace())
                      .withName(pod.name())
                      .endMetadata()
                      .build())
              .patch(PatchContext.of(PatchType.JSON), patch));
      return true;
    } catch (KubernetesClientException e) {
      if (ApiErrors.isNotFound(e)) {
        return false;
      }
      throw e;
    }
  }

  private OptionalInt currentIndex(ObservedPod pod, String action) {
    Pod now =
        ApiErrors.send(
            action, () -> client.pods().inNamespace(pod.namespace()).withName(pod.name()).get());
    if (now == null || !now.getMetadata().getUid().equals(pod.uid())) {
      return OptionalInt.empty();
    }
    view.update(now);
    var gates = now.getSpec().getSchedulingGates();
    return IntStream.range(0, gates.size())
        .filter(i -> NAME.equals(gates.get(i).getName()))
        .findFirst();
  }
}
