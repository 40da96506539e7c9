/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

import io.fabric8.kubeapitest.KubeAPIServer;
import io.fabric8.kubeapitest.KubeAPIServerConfigBuilder;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/**
 * A real etcd and kube-apiserver, started once for all tests of the module and stopped with the
 * JVM.
 */
final class ApiServer {
  private static final String VERSION = "1.35.4";

  private static final KubeAPIServer SERVER = start();

  private ApiServer() {}

  /** A client with all rights; the caller closes it. */
  static KubernetesClient client() {
    return new KubernetesClientBuilder().withConfig(Config.fromKubeconfig(kubeconfig())).build();
  }

  static String kubeconfig() {
    return SERVER.getKubeConfigYaml();
  }

  /**
   * A binary that {@code dev/binaries} has built; absent ones are an error, not a reason to skip.
   */
  static Path binary(String name) {
    var path = directory().resolve(name);
    if (!Files.isExecutable(path)) {
      throw new IllegalStateException(path + " is missing: run dev/binaries");
    }
    return path;
  }

  private static KubeAPIServer start() {
    binary("etcd");
    binary("kube-apiserver");
    binary("kubectl");
    var server =
        new KubeAPIServer(
            KubeAPIServerConfigBuilder.anAPIServerConfig()
                .withTestDir(cache().toString())
                .withApiServerVersion(VERSION)
                .withOfflineMode(true)
                .withUpdateKubeConfig(false)
                .build());
    Runtime.getRuntime().addShutdownHook(new Thread(server::stop));
    server.start();
    return server;
  }

  private static Path directory() {
    return cache().resolve("k8s").resolve(VERSION + "-linux-amd64");
  }

  private static Path cache() {
    return environment("LUIGI_OPERATOR_CACHE")
        .map(Path::of)
        .or(() -> environment("XDG_CACHE_HOME").map(dir -> Path.of(dir, "luigi-operator")))
        .orElse(Path.of(System.getProperty("user.home"), ".cache", "luigi-operator"));
  }

  private static Optional<String> environment(String name) {
    return Optional.ofNullable(System.getenv(name)).filter(value -> !value.isEmpty());
  }
}
