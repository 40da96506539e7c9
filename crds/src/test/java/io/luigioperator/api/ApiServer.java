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
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * A real etcd and kube-apiserver, started once for all tests of the module and stopped with the
 * JVM.
 */
final class ApiServer {
  private static final int COMMAND_SECONDS = 60;

  /** Where {@code dev/binaries} keeps its programs; the name tells their version. */
  private static final Path FOLDER = Path.of(run(List.of("../dev/binaries", "--path")).strip());

  private static final KubeAPIServer SERVER = start();

  private static final Path KUBECONFIG = writeKubeconfig();

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
    var path = FOLDER.resolve(name);
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
                .withTestDir(FOLDER.getParent().getParent().toString())
                .withApiServerVersion(FOLDER.getFileName().toString().replaceFirst("-.*", ""))
                .withOfflineMode(true)
                .withUpdateKubeConfig(false)
                .build());
    Runtime.getRuntime().addShutdownHook(new Thread(server::stop));
    server.start();
    return server;
  }

  /** Runs the real kubectl with all rights and returns what it printed; it must succeed. */
  static String kubectl(String... arguments) {
    var command =
        new ArrayList<>(
            List.of(binary("kubectl").toString(), "--kubeconfig", KUBECONFIG.toString()));
    command.addAll(List.of(arguments));
    return run(command);
  }

  private static String run(List<String> command) {
    try {
      var output = Files.createTempFile("command", ".txt");
      try {
        var process =
            new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start();
        if (!process.waitFor(COMMAND_SECONDS, TimeUnit.SECONDS)) {
          process.destroyForcibly();
          throw new IllegalStateException(command + " did not end in time");
        }
        String text = Files.readString(output);
        if (process.exitValue() != 0) {
          throw new IllegalStateException(command + " failed: " + text);
        }
        return text;
      } finally {
        Files.delete(output);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  /** Installs the committed definitions as a user would, and waits until they are served. */
  static void installDefinitions() {
    kubectl("apply", "-f", SchemaTree.DIRECTORY.toAbsolutePath().toString());
    for (var file : SchemaTree.FILES) {
      String name = file.substring(0, file.length() - ".yaml".length());
      kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd/" + name);
    }
  }

  /** Readable by the owner only, as temporary files are, and gone with the JVM. */
  private static Path writeKubeconfig() {
    try {
      var file = Files.createTempFile("kubeconfig", ".yaml");
      file.toFile().deleteOnExit();
      return Files.writeString(file, kubeconfig());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
