/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.chart;

import io.fabric8.kubernetes.api.model.authorization.v1.SubjectAccessReviewBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.luigioperator.testing.ApiServer;
import io.luigioperator.testing.Command;
import io.luigioperator.testing.Namespaces;
import java.util.List;
import java.util.stream.Stream;

/** A new API server with the CRD chart and namespaces for releases. */
final class ChartApiServer implements AutoCloseable {
  private final ApiServer server = ApiServer.start();
  private final KubernetesClient client = server.client();

  private ChartApiServer() {}

  /**
   * Starts a server with the namespace of the operator and these; all enforce Pod Security level
   * restricted.
   */
  static ChartApiServer start(String... namespaces) {
    var started = new ChartApiServer();
    Stream.concat(Stream.of(Helm.NAMESPACE), Stream.of(namespaces))
        .forEach(name -> Namespaces.createRestricted(started.client, name));
    started.helm().definitions("install").orFail();
    started.server.awaitDefinitions();
    return started;
  }

  KubernetesClient client() {
    return client;
  }

  Helm helm() {
    return Helm.on(server.kubeconfig());
  }

  Command.Output kubectl(String input, String... arguments) {
    return server.kubectl(List.of(arguments), input);
  }

  /** Whether the user has the right for a resource or a subresource such as {@code pods/exec}. */
  boolean allows(
      String user, String namespace, String verb, String group, String resource, String name) {
    String[] parts = resource.split("/");
    return client
        .resource(
            new SubjectAccessReviewBuilder()
                .withNewSpec()
                .withUser(user)
                .withNewResourceAttributes()
                .withNamespace(namespace)
                .withVerb(verb)
                .withGroup(group)
                .withResource(parts[0])
                .withSubresource(parts.length > 1 ? parts[1] : "")
                .withName(name)
                .endResourceAttributes()
                .endSpec()
                .build())
        .create()
        .getStatus()
        .getAllowed();
  }

  @Override
  public void close() {
    client.close();
    server.close();
  }
}
