/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator;

import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.luigioperator.job.Fabric8Kube;
import io.luigioperator.testing.ApiServer;

/** Clients of the shared API server with the timeouts of the operator's client. */
public final class OperatorClients {
  private OperatorClients() {}

  /** With all permissions; the caller closes it. */
  public static KubernetesClient admin() {
    return client(ApiServer.shared().config());
  }

  /** Of a user, who has no permissions until a test grants some; the caller closes it. */
  public static KubernetesClient of(String user) {
    return client(
        new ConfigBuilder(ApiServer.shared().config()).withImpersonateUsername(user).build());
  }

  private static KubernetesClient client(Config config) {
    return Fabric8Kube.client(Fabric8Kube.bounded(config));
  }
}
