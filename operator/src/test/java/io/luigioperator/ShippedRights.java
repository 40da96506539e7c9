/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator;

import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.api.model.ServiceAccountBuilder;
import io.fabric8.kubernetes.api.model.authentication.TokenRequestBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

/** The rights of the operator exactly as the chart grants them, rendered by Helm. */
public final class ShippedRights {
  /** The namespace of the release that {@link #grant} installs. */
  static final String HOME = "luigi-system";

  /** The name of the Lease that the chart lets the release use; not the operator's default. */
  static final String LEASE = "tidy-luigi-operator";

  private static final String RELEASE = "tidy";
  private static final String ACCOUNT = "tidy-luigi-operator";
  private static final long SECONDS = 60;
  private static final long TOKEN_SECONDS = 3600;

  /** The user as whom the operator asks. */
  public static final String USER = user(HOME);

  private ShippedRights() {}

  private static String user(String home) {
    return "system:serviceaccount:" + home + ":" + ACCOUNT;
  }

  /** Grants them on the server of {@link ApiServer}, in every namespace. */
  public static void grant(KubernetesClient admin) throws IOException, InterruptedException {
    grantIn(admin, HOME, List.of());
  }

  /**
   * Grants them to a release of its own, which serves these namespaces only.
   *
   * @param home the namespace of the release; it is made, the others must be there
   * @return the user as whom that release asks
   */
  static String grantIn(KubernetesClient admin, String home, List<String> namespaces)
      throws IOException, InterruptedException {
    admin
        .resource(new NamespaceBuilder().withNewMetadata().withName(home).endMetadata().build())
        .serverSideApply();
    Path rendered = Files.createTempFile("rbac", ".yaml");
    try {
      render(home, namespaces, rendered);
      try (InputStream objects = Files.newInputStream(rendered)) {
        admin.load(objects).serverSideApply();
      }
    } finally {
      Files.delete(rendered);
    }
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

  private static void render(String home, List<String> namespaces, Path target)
      throws IOException, InterruptedException {
    Path errors = Files.createTempFile("helm", ".txt");
    try {
      Process helm =
          new ProcessBuilder(
                  List.of(
                      ApiServer.program("helm").toString(),
                      "template",
                      RELEASE,
                      Path.of("../helm/luigi-operator").toString(),
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
              .redirectOutput(target.toFile())
              .redirectError(errors.toFile())
              .start();
      if (!helm.waitFor(SECONDS, TimeUnit.SECONDS)) {
        helm.destroyForcibly();
        throw new IllegalStateException("helm template did not end in time");
      }
      if (helm.exitValue() != 0) {
        throw new IllegalStateException(
            "helm template failed: " + Files.readString(errors, StandardCharsets.UTF_8));
      }
    } finally {
      Files.delete(errors);
    }
  }
}
