/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator;

import io.fabric8.kubeapitest.KubeAPIServer;
import io.fabric8.kubeapitest.KubeAPIServerConfigBuilder;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * A real etcd and kube-apiserver, started once for the tests of a JVM and stopped with it. There is
 * no controller behind it: Jobs make no pods, and nothing is collected.
 */
public final class ApiServer {
  private static final String VERSION = "1.35.4";
  private static final KubeAPIServer SERVER = start();

  private ApiServer() {}

  /** With all rights; the caller closes it. */
  public static KubernetesClient client() {
    return new KubernetesClientBuilder()
        .withConfig(Config.fromKubeconfig(SERVER.getKubeConfigYaml()))
        .build();
  }

  private static KubeAPIServer start() {
    Path cache =
        Optional.ofNullable(System.getenv("LUIGI_OPERATOR_CACHE"))
            .map(Path::of)
            .orElseGet(
                () ->
                    Optional.ofNullable(System.getenv("XDG_CACHE_HOME"))
                        .map(Path::of)
                        .orElseGet(() -> Path.of(System.getProperty("user.home"), ".cache"))
                        .resolve("luigi-operator"));
    for (String name : List.of("etcd", "kube-apiserver", "kubectl")) {
      Path program = cache.resolve("k8s").resolve(VERSION + "-linux-amd64").resolve(name);
      if (!Files.isExecutable(program)) {
        throw new IllegalStateException(program + " is missing: run dev/binaries");
      }
    }
    KubeAPIServer server =
        new KubeAPIServer(
            KubeAPIServerConfigBuilder.anAPIServerConfig()
                .withTestDir(cache.toString())
                .withApiServerVersion(VERSION)
                .withOfflineMode(true)
                .withUpdateKubeConfig(false)
                .build());
    Runtime.getRuntime().addShutdownHook(new Thread(server::stop));
    server.start();
    return server;
  }
}
