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
import java.util.OptionalInt;
import java.util.stream.IntStream;

/**
 * Opens the scheduling gate of one pod, by its UID: the moment an attempt starts. One patch tests
 * and removes, so that a request that comes late or twice opens nothing else.
 */
final class SchedulingGate {

  /** The scheduling gate that every pod of the operator is created with. */
  static final String NAME = Labels.GROUP + "launch";

  /** Nearly always ours is the only one. */
  private static final int FIRST_GUESS = 0;

  private final KubernetesClient client;
  private final ClusterView view;

  SchedulingGate(KubernetesClient client, ClusterView view) {
    this.client = client;
    this.view = view;
  }

  /** False: the pod is gone, or has no gate of ours any more. */
  boolean open(ObservedPod pod) {
    String what = "opening the gate of pod %s/%s".formatted(pod.namespace(), pod.name());
    try {
      return patch(pod, FIRST_GUESS);
    } catch (KubernetesClientException e) {
      if (e.getCode() != ApiErrors.UNPROCESSABLE) {
        throw ApiErrors.failure(what, e);
      }
      // another pod, open already, or others have put their gates before ours
      OptionalInt index = indexNow(pod, what);
      if (index.isEmpty()) {
        return false;
      }
      if (index.getAsInt() == FIRST_GUESS) {
        throw ApiErrors.failure(what, e);
      }
      return ApiErrors.ask(what, () -> patch(pod, index.getAsInt()));
    }
  }

  private boolean patch(ObservedPod pod, int index) {
    String patch =
        """
        [{"op":"test","path":"/metadata/uid","value":"%s"},
         {"op":"test","path":"/spec/schedulingGates/%d/name","value":"%s"},
         {"op":"remove","path":"/spec/schedulingGates/%d"}]
        """
            .formatted(pod.uid(), index, NAME, index);
    try {
      // of an item at hand: by name alone the client would read the pod first
      view.saw(
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

  private OptionalInt indexNow(ObservedPod pod, String what) {
    Pod now =
        ApiErrors.ask(
            what, () -> client.pods().inNamespace(pod.namespace()).withName(pod.name()).get());
    if (now == null || !now.getMetadata().getUid().equals(pod.uid())) {
      return OptionalInt.empty();
    }
    view.saw(now);
    var gates = now.getSpec().getSchedulingGates();
    return IntStream.range(0, gates.size())
        .filter(i -> NAME.equals(gates.get(i).getName()))
        .findFirst();
  }
}
