/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.testing;

import io.fabric8.kubeapitest.KubeAPIServer;
import io.fabric8.kubeapitest.KubeAPIServerConfigBuilder;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * A real etcd and kube-apiserver. There is no controller, node or kubelet behind it: Jobs make no
 * pods, and nothing is collected. It ends with the JVM, or earlier by {@link #close}.
 */
public final class ApiServer implements AutoCloseable {
  private static final Duration KUBECTL_LIMIT = Duration.ofSeconds(60);

  private final KubeAPIServer server;
  private final Thread stop;
  private final Path folder;
  private final Path kubeconfig;

  private ApiServer(KubeAPIServer server, Thread stop) throws IOException {
    this.server = server;
    this.stop = stop;
    // the folder and so the credentials in it are readable for the owner only
    this.folder =
        Files.createTempDirectory(Files.createDirectories(Path.of("target")), "api-server-")
            .toAbsolutePath();
    this.kubeconfig = Files.writeString(folder.resolve("kubeconfig"), server.getKubeConfigYaml());
  }

  /** Started at the first use. */
  private static final class Shared {
    static final ApiServer SERVER = withDefinitions();

    private static ApiServer withDefinitions() {
      ApiServer server = start();
      server.kubectl("apply", "--filename", Repository.path("crds").toString());
      server.awaitDefinitions();
      return server;
    }
  }

  /** One server with the custom resource definitions for all tests of this JVM. */
  public static ApiServer shared() {
    return Shared.SERVER;
  }

  /** A server without custom resource definitions. */
  public static ApiServer start() {
    List.of("etcd", "kube-apiserver", "kubectl").forEach(Binaries::program);
    var server =
        new KubeAPIServer(
            KubeAPIServerConfigBuilder.anAPIServerConfig()
                .withTestDir(Binaries.FOLDER.resolve("../..").normalize().toString())
                .withApiServerVersion(Binaries.version())
                .withOfflineMode(true)
                .withUpdateKubeConfig(false)
                .build());
    var stop = new Thread(server::stop);
    Runtime.getRuntime().addShutdownHook(stop);
    server.start();
    try {
      return new ApiServer(server, stop);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** For a client with all rights. */
  public Config config() {
    return Config.fromKubeconfig(server.getKubeConfigYaml());
  }

  /** A client with all rights; the caller closes it. */
  public KubernetesClient client() {
    return new KubernetesClientBuilder().withConfig(config()).build();
  }

  /** A file with all rights. */
  public Path kubeconfig() {
    return kubeconfig;
  }

  /** Runs kubectl with all rights, which must succeed; returns its standard output. */
  public String kubectl(String... arguments) {
    return kubectl(List.of(arguments), "").orFail();
  }

  /**
   * Runs kubectl with all rights.
   *
   * @param input its standard input
   */
  public Command.Output kubectl(List<String> arguments, String input) {
    var command = new ArrayList<String>();
    command.add(Binaries.program("kubectl"));
    command.add("--cache-dir=" + folder.resolve("kubectl"));
    command.addAll(arguments);
    return Command.run(command, Map.of("KUBECONFIG", kubeconfig.toString()), input, KUBECTL_LIMIT);
  }

  /** Returns when the server serves every custom resource definition that was created. */
  public void awaitDefinitions() {
    kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd", "--all");
  }

  @Override
  public void close() {
    Runtime.getRuntime().removeShutdownHook(stop);
    server.stop();
  }
}
