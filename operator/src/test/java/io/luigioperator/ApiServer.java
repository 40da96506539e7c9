/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator;

import static org.awaitility.Awaitility.await;

import io.fabric8.kubeapitest.KubeAPIServer;
import io.fabric8.kubeapitest.KubeAPIServerConfigBuilder;
import io.fabric8.kubernetes.api.model.apiextensions.v1.CustomResourceDefinition;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.luigioperator.job.Fabric8Kube;
import java.io.IOException;
import java.io.InputStream;
import java.io.Reader;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/**
 * A real etcd and kube-apiserver with our definitions, started once for the tests of a JVM and
 * stopped with it. There is no controller behind it: Jobs make no pods, and nothing is collected.
 */
public final class ApiServer {
  private static final Path DEFINITIONS = Path.of("../crds");
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  /** Where {@code dev/binaries} keeps its programs; the name tells their version. */
  private static final Path FOLDER = folder();

  private static final KubeAPIServer SERVER = start();

  private ApiServer() {}

  /** With all rights and the bounds of the operator; the caller closes it. */
  public static KubernetesClient client() {
    return client(config(SERVER));
  }

  /** The same as another user, who has no rights until a test grants some. */
  public static KubernetesClient clientOf(String user) {
    return client(new ConfigBuilder(config(SERVER)).withImpersonateUsername(user).build());
  }

  private static Config config(KubeAPIServer server) {
    return Config.fromKubeconfig(server.getKubeConfigYaml());
  }

  private static KubernetesClient client(Config config) {
    return new KubernetesClientBuilder().withConfig(Fabric8Kube.bounded(config)).build();
  }

  /**
   * A program that {@code dev/binaries} has built; an absent one is an error, not a reason to skip.
   */
  static Path program(String name) {
    Path program = FOLDER.resolve(name);
    if (!Files.isExecutable(program)) {
      throw new IllegalStateException(program + " is missing: run dev/binaries " + name);
    }
    return program;
  }

  private static Path folder() {
    try {
      Process process =
          new ProcessBuilder("../dev/binaries", "--path")
              .redirectError(ProcessBuilder.Redirect.INHERIT)
              .start();
      try (Reader out = process.inputReader()) {
        if (!process.waitFor(PATIENCE) || process.exitValue() != 0) {
          throw new IllegalStateException("dev/binaries --path failed");
        }
        return Path.of(out.readAllAsString().strip());
      } finally {
        process.destroyForcibly();
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  private static KubeAPIServer start() {
    List.of("etcd", "kube-apiserver", "kubectl").forEach(ApiServer::program);
    KubeAPIServer server =
        new KubeAPIServer(
            KubeAPIServerConfigBuilder.anAPIServerConfig()
                .withTestDir(FOLDER.getParent().getParent().toString())
                .withApiServerVersion(FOLDER.getFileName().toString().replaceFirst("-.*", ""))
                .withOfflineMode(true)
                .withUpdateKubeConfig(false)
                .build());
    Runtime.getRuntime().addShutdownHook(new Thread(server::stop));
    server.start();
    try (KubernetesClient client = client(config(server))) {
      installDefinitions(client);
    }
    return server;
  }

  private static void installDefinitions(KubernetesClient client) {
    for (String kind : List.of("pipelineruns", "pipelineschedules")) {
      String name = kind + ".luigi-operator.io";
      try (InputStream file = Files.newInputStream(DEFINITIONS.resolve(name + ".yaml"))) {
        client.load(file).serverSideApply();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
      // asked from this thread, since another one would wait for this class to be initialized
      await().pollInSameThread().atMost(PATIENCE).until(() -> isEstablished(client, name));
    }
  }

  private static boolean isEstablished(KubernetesClient client, String name) {
    CustomResourceDefinition crd =
        client.apiextensions().v1().customResourceDefinitions().withName(name).get();
    return crd.getStatus() != null
        && crd.getStatus().getConditions() != null // null at first
        && crd.getStatus().getConditions().stream()
            .anyMatch(c -> c.getType().equals("Established") && c.getStatus().equals("True"));
  }
}
