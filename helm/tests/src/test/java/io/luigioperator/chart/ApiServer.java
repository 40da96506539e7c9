/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.chart;

import io.fabric8.kubeapitest.KubeAPIServer;
import io.fabric8.kubeapitest.KubeAPIServerConfigBuilder;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** A real etcd and API server without controllers, nodes or kubelet. */
final class ApiServer implements AutoCloseable {
  private final KubeAPIServer server;
  private final Path kubeconfig;
  private final Thread stop;

  private ApiServer(KubeAPIServer server, Path kubeconfig, Thread stop) {
    this.server = server;
    this.kubeconfig = kubeconfig;
    this.stop = stop;
  }

  static ApiServer start() throws IOException {
    for (String program : List.of("etcd", "kube-apiserver", "kubectl")) {
      Tools.program(program);
    }
    String version = Tools.FOLDER.getFileName().toString().replaceFirst("-.*", "");
    var server =
        new KubeAPIServer(
            KubeAPIServerConfigBuilder.anAPIServerConfig()
                .withTestDir(Tools.FOLDER.getParent().getParent().toString())
                .withApiServerVersion(version)
                .withOfflineMode(true)
                .withUpdateKubeConfig(false)
                .build());
    // Its two processes must not outlive a test run that is interrupted.
    var stop = new Thread(server::stop);
    Runtime.getRuntime().addShutdownHook(stop);
    server.start();
    Path kubeconfig =
        Files.writeString(
            Path.of("target/kubeconfig").toAbsolutePath(), server.getKubeConfigYaml());
    return new ApiServer(server, kubeconfig, stop);
  }

  KubernetesClient client() {
    return new KubernetesClientBuilder()
        .withConfig(Config.fromKubeconfig(server.getKubeConfigYaml()))
        .build();
  }

  Path kubeconfig() {
    return kubeconfig;
  }

  Tools.Output kubectl(String input, String... arguments) {
    var command = new ArrayList<String>();
    command.add(Tools.program("kubectl"));
    command.add("--cache-dir=" + Path.of("target/kubectl").toAbsolutePath());
    command.addAll(List.of(arguments));
    return Tools.run(command, Map.of("KUBECONFIG", kubeconfig.toString()), input);
  }

  @Override
  public void close() {
    Runtime.getRuntime().removeShutdownHook(stop);
    server.stop();
  }
}
