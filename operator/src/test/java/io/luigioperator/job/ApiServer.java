/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

import static org.awaitility.Awaitility.await;

import io.fabric8.kubeapitest.KubeAPIServer;
import io.fabric8.kubeapitest.KubeAPIServerConfigBuilder;
import io.fabric8.kubernetes.api.model.apiextensions.v1.CustomResourceDefinition;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * A real etcd and kube-apiserver with our definitions, started once for all tests of the module and
 * stopped with the JVM. There are no controllers and no nodes: tests do their work by hand.
 */
public final class ApiServer {

  private static final String VERSION = "1.35.4";
  private static final Path DEFINITIONS = Path.of("../crds");
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private static final KubeAPIServer SERVER = start();

  private ApiServer() {}

  /** A client with all rights and the bounds of the operator; the caller closes it. */
  public static KubernetesClient client() {
    return client(config());
  }

  /** The same client as another user, who has no rights until a test grants some. */
  public static KubernetesClient clientOf(String user) {
    return client(new ConfigBuilder(config()).withImpersonateUsername(user).build());
  }

  private static Config config() {
    return Config.fromKubeconfig(SERVER.getKubeConfigYaml());
  }

  private static KubernetesClient client(Config config) {
    return new KubernetesClientBuilder().withConfig(Fabric8Kube.bounded(config)).build();
  }

  private static KubeAPIServer start() {
    Path cache = cache();
    for (String program : List.of("etcd", "kube-apiserver", "kubectl")) {
      Path path = cache.resolve("k8s").resolve(VERSION + "-linux-amd64").resolve(program);
      if (!Files.isExecutable(path)) {
        throw new IllegalStateException(path + " is missing: run dev/binaries");
      }
    }
    var server =
        new KubeAPIServer(
            KubeAPIServerConfigBuilder.anAPIServerConfig()
                .withTestDir(cache.toString())
                .withApiServerVersion(VERSION)
                .withOfflineMode(true)
                .withUpdateKubeConfig(false)
                .build());
    Runtime.getRuntime().addShutdownHook(new Thread(server::stop));
    server.start();
    try (var client =
        new KubernetesClientBuilder()
            .withConfig(Config.fromKubeconfig(server.getKubeConfigYaml()))
            .build()) {
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
        && crd.getStatus().getConditions().stream()
            .anyMatch(c -> c.getType().equals("Established") && c.getStatus().equals("True"));
  }

  private static Path cache() {
    return Optional.ofNullable(System.getenv("LUIGI_OPERATOR_CACHE"))
        .map(Path::of)
        .or(
            () ->
                Optional.ofNullable(System.getenv("XDG_CACHE_HOME"))
                    .map(x -> Path.of(x, "luigi-operator")))
        .orElseGet(() -> Path.of(System.getProperty("user.home"), ".cache", "luigi-operator"));
  }
}
