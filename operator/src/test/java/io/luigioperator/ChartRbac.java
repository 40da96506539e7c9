/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.api.model.ServiceAccountBuilder;
import io.fabric8.kubernetes.api.model.authentication.TokenRequestBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.luigioperator.testing.ApiServer;
import io.luigioperator.testing.Binaries;
import io.luigioperator.testing.Command;
import io.luigioperator.testing.Repository;
import java.io.ByteArrayInputStream;
import java.util.List;
import java.util.stream.Collectors;

/**
 * The rights of the operator in the chart, with the policy that restricts them, rendered by Helm
 * and applied to the test API server.
 */
public final class ChartRbac {
  /** The namespace of the release that {@link #grant} installs. */
  static final String NAMESPACE = "luigi-system";

  /** The name of the Lease that the chart grants; it differs from the default of the operator. */
  static final String LEASE = "tidy-luigi-operator";

  private static final String RELEASE = "tidy";
  private static final String ACCOUNT = "tidy-luigi-operator";
  private static final long TOKEN_SECONDS = 3600;

  /** The user name of the operator. */
  public static final String USER = user(NAMESPACE);

  private ChartRbac() {}

  private static String user(String namespace) {
    return "system:serviceaccount:" + namespace + ":" + ACCOUNT;
  }

  /** Grants the permissions in every namespace of {@link ApiServer}. */
  public static void grant(KubernetesClient admin) {
    grantIn(admin, NAMESPACE, List.of());
  }

  /**
   * Grants the permissions of another release, which watches these namespaces only.
   *
   * @param namespace the namespace of the release, which is created
   * @param watchNamespaces must exist; empty: all
   * @return the user name of the operator of that release
   */
  static String grantIn(KubernetesClient admin, String namespace, List<String> watchNamespaces) {
    admin
        .resource(
            new NamespaceBuilder().withNewMetadata().withName(namespace).endMetadata().build())
        .serverSideApply();
    admin
        .load(new ByteArrayInputStream(render(namespace, watchNamespaces).getBytes(UTF_8)))
        .serverSideApply();
    return user(namespace);
  }

  /** A kubeconfig with a token of {@link #USER}, for another process. */
  static String kubeconfig(KubernetesClient admin) {
    admin
        .resource(
            new ServiceAccountBuilder()
                .withNewMetadata()
                .withNamespace(NAMESPACE)
                .withName(ACCOUNT)
                .endMetadata()
                .build())
        .serverSideApply();
    String token =
        admin
            .serviceAccounts()
            .inNamespace(NAMESPACE)
            .withName(ACCOUNT)
            .tokenRequest(
                new TokenRequestBuilder()
                    .withNewSpec()
                    .withExpirationSeconds(TOKEN_SECONDS)
                    .endSpec()
                    .build())
            .getStatus()
            .getToken();
    return """
    apiVersion: v1
    kind: Config
    clusters: [{name: it, cluster: {server: "%s", certificate-authority: "%s"}}]
    users: [{name: it, user: {token: "%s"}}]
    contexts: [{name: it, context: {cluster: it, user: it}}]
    current-context: it
    """
        .formatted(
            admin.getConfiguration().getMasterUrl(),
            admin.getConfiguration().getCaCertFile(),
            token);
  }

  private static String render(String namespace, List<String> watchNamespaces) {
    return Command.run(
            List.of(
                Binaries.program("helm"),
                "template",
                RELEASE,
                Repository.path("helm/luigi-operator").toString(),
                "--namespace",
                namespace,
                "--show-only",
                "templates/rbac.yaml",
                "--show-only",
                "templates/operator-policy.yaml",
                "--set",
                "profile=demo",
                "--set-json",
                watchNamespaces.stream()
                    .map(n -> '"' + n + '"')
                    .collect(Collectors.joining(",", "watchNamespaces=[", "]"))))
        .orFail();
  }
}
