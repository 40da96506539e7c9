/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

import io.fabric8.kubernetes.client.KubernetesClientException;
import io.luigioperator.job.Kube.DryRunResult;
import java.util.List;

/** What a refused dry run of a pod means: is the template wrong, or may it pass later? */
final class DryRunRefusal {

  /** What the API server says when something around the pod is missing or used up. */
  private static final List<String> PASSING =
      List.of(
          "exceeded quota:",
          "status unknown for quota:",
          "error looking up service account",
          "no PriorityClass with name",
          "RuntimeClass",
          "because it is being terminated",
          "cannot create resource");

  private static final String BLIND_WEBHOOK = "does not support dry run";

  private DryRunRefusal() {}

  static DryRunResult of(KubernetesClientException e) {
    String words = ApiErrors.words(e);
    if (words.contains(BLIND_WEBHOOK)) {
      // a webhook of the cluster cannot be asked in advance: it says nothing about this pod
      return new DryRunResult.Allowed();
    }
    return new DryRunResult.Refused(words, !mayPass(e));
  }

  /** Whether the refusal is about what is around the object, of whatever kind. */
  static boolean mayPass(KubernetesClientException e) {
    String words = ApiErrors.words(e);
    return ApiErrors.isNotFound(e) || PASSING.stream().anyMatch(words::contains);
  }
}
