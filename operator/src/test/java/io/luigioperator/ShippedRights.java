/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator;

import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** The rights of the operator exactly as the chart grants them, rendered by Helm. */
public final class ShippedRights {
  private static final String NAMESPACE = "luigi-system";
  private static final long SECONDS = 60;

  /** The user as whom the operator asks. */
  public static final String USER = "system:serviceaccount:" + NAMESPACE + ":luigi-operator";

  private ShippedRights() {}

  /** Grants them on the server of {@link ApiServer}. */
  public static void grant(KubernetesClient admin) throws IOException, InterruptedException {
    admin
        .resource(
            new NamespaceBuilder().withNewMetadata().withName(NAMESPACE).endMetadata().build())
        .serverSideApply();
    Path rendered = Files.createTempFile("rbac", ".yaml");
    try {
      render(rendered);
      try (InputStream objects = Files.newInputStream(rendered)) {
        admin.load(objects).serverSideApply();
      }
    } finally {
      Files.delete(rendered);
    }
  }

  private static void render(Path target) throws IOException, InterruptedException {
    Path errors = Files.createTempFile("helm", ".txt");
    try {
      Process helm =
          new ProcessBuilder(
                  List.of(
                      ApiServer.program("helm").toString(),
                      "template",
                      "luigi-operator",
                      Path.of("../helm/luigi-operator").toString(),
                      "--namespace",
                      NAMESPACE,
                      "--show-only",
                      "templates/rbac.yaml",
                      "--set",
                      "profile=demo"))
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
