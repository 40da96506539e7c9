/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

import io.fabric8.kubernetes.client.KubernetesClientException;
import io.luigioperator.job.Kube.DryRunResult;
import java.util.List;

/** Whether a refused request may succeed later, or the object itself must change. */
final class DryRunRefusal {

  /** In messages of the API server about something that the object needs or is limited by. */
  private static final List<String> TEMPORARY =
      List.of(
          "exceeded quota:",
          "status unknown for quota:",
          "failed quota:", // the quota limits something for which the pod sets no limit
          "resource quota evaluation timed out",
          // of a LimitRange
          " usage per ",
          "max limit to request ratio per ",
          "error looking up service account",
          "no PriorityClass with name",
          "RuntimeClass",
          "because it is being terminated",
          "conflicts with its namespace node label selector",
          "conflict with its namespace",
          "cannot create resource");

  private static final String WEBHOOK_WITHOUT_DRY_RUN = "does not support dry run";

  private DryRunRefusal() {}

  static DryRunResult of(KubernetesClientException e) {
    String message = ApiErrors.message(e);
    if (message.contains(WEBHOOK_WITHOUT_DRY_RUN)) {
      // the API server refuses every dry run that would call such a webhook
      return new DryRunResult.Allowed();
    }
    return new DryRunResult.Refused(message, !isTemporary(e));
  }

  /** Whether a later request with the same object may succeed. */
  static boolean isTemporary(KubernetesClientException e) {
    String message = ApiErrors.message(e);
    return ApiErrors.isNotFound(e)
        || ApiErrors.isNamingFailure(e)
        || TEMPORARY.stream().anyMatch(message::contains);
  }
}
