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

/** The rights of the operator exactly as the chart grants them, rendered by Helm. */
public final class ShippedRights {
  /** The namespace of the release that {@link #grant} installs. */
  static final String HOME = "luigi-system";

  /** The name of the Lease that the chart lets the release use; not the operator's default. */
  static final String LEASE = "tidy-luigi-operator";

  private static final String RELEASE = "tidy";
  private static final String ACCOUNT = "tidy-luigi-operator";
  private static final long TOKEN_SECONDS = 3600;

  /** The user as whom the operator asks. */
  public static final String USER = user(HOME);

  private ShippedRights() {}

  private static String user(String home) {
    return "system:serviceaccount:" + home + ":" + ACCOUNT;
  }

  /** Grants them on the server of {@link ApiServer}, in every namespace. */
  public static void grant(KubernetesClient admin) {
    grantIn(admin, HOME, List.of());
  }

  /**
   * Grants them to a release of its own, which serves these namespaces only.
   *
   * @param home the namespace of the release; it is made, the others must be there
   * @return the user as whom that release asks
   */
  static String grantIn(KubernetesClient admin, String home, List<String> namespaces) {
    admin
        .resource(new NamespaceBuilder().withNewMetadata().withName(home).endMetadata().build())
        .serverSideApply();
    admin
        .load(new ByteArrayInputStream(render(home, namespaces).getBytes(UTF_8)))
        .serverSideApply();
    return user(home);
  }

  /** For a process of its own, which asks as {@link #USER}. */
  static String kubeconfig(KubernetesClient admin) {
    admin
        .resource(
            new ServiceAccountBuilder()
                .withNewMetadata()
                .withNamespace(HOME)
                .withName(ACCOUNT)
                .endMetadata()
                .build())
        .serverSideApply();
    String token =
        admin
            .serviceAccounts()
            .inNamespace(HOME)
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

  private static String render(String home, List<String> namespaces) {
    return Command.run(
            List.of(
                Binaries.program("helm"),
                "template",
                RELEASE,
                Repository.path("helm/luigi-operator").toString(),
                "--namespace",
                home,
                "--show-only",
                "templates/rbac.yaml",
                "--set",
                "profile=demo",
                "--set-json",
                namespaces.stream()
                    .map(namespace -> '"' + namespace + '"')
                    .collect(Collectors.joining(",", "watchNamespaces=[", "]"))))
        .orFail();
  }
}
