/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.chart;

import io.fabric8.kubeapitest.KubeAPIServer;
import io.fabric8.kubeapitest.KubeAPIServerConfigBuilder;
import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.api.model.authorization.v1.SubjectAccessReviewBuilder;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** A real etcd and API server with the two definitions, without controllers, nodes or kubelet. */
final class ApiServer implements AutoCloseable {
  private final KubeAPIServer server;
  private final Path kubeconfig;
  private final KubernetesClient client;
  private final Thread stop;

  private ApiServer(KubeAPIServer server, Path kubeconfig, Thread stop) {
    this.server = server;
    this.kubeconfig = kubeconfig;
    this.client =
        new KubernetesClientBuilder()
            .withConfig(Config.fromKubeconfig(server.getKubeConfigYaml()))
            .build();
    this.stop = stop;
  }

  /** With these namespaces beside that of the operator; all take restricted pods only. */
  static ApiServer start(String... namespaces) throws IOException {
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
    var started = new ApiServer(server, kubeconfig, stop);
    started.makeNamespace(Helm.NAMESPACE);
    Stream.of(namespaces).forEach(started::makeNamespace);
    started.helm().definitions("install").orFail();
    started
        .kubectl("", "wait", "--for=condition=Established", "--timeout=30s", "crd", "--all")
        .orFail();
    return started;
  }

  private void makeNamespace(String name) {
    client
        .resource(
            new NamespaceBuilder()
                .withNewMetadata()
                .withName(name)
                .addToLabels("pod-security.kubernetes.io/enforce", "restricted")
                .endMetadata()
                .build())
        .create();
  }

  KubernetesClient client() {
    return client;
  }

  Helm helm() {
    return Helm.on(kubeconfig);
  }

  Tools.Output kubectl(String input, String... arguments) {
    var command = new ArrayList<String>();
    command.add(Tools.program("kubectl"));
    command.add("--cache-dir=" + Path.of("target/kubectl").toAbsolutePath());
    command.addAll(List.of(arguments));
    return Tools.run(command, Map.of("KUBECONFIG", kubeconfig.toString()), input);
  }

  /** Whether the user may do this to a resource, or to a part of it such as {@code pods/exec}. */
  boolean allows(
      String user, String namespace, String verb, String group, String resource, String name) {
    String[] parts = resource.split("/");
    return client
        .resource(
            new SubjectAccessReviewBuilder()
                .withNewSpec()
                .withUser(user)
                .withNewResourceAttributes()
                .withNamespace(namespace)
                .withVerb(verb)
                .withGroup(group)
                .withResource(parts[0])
                .withSubresource(parts.length > 1 ? parts[1] : "")
                .withName(name)
                .endResourceAttributes()
                .endSpec()
                .build())
        .create()
        .getStatus()
        .getAllowed();
  }

  @Override
  public void close() {
    client.close();
    Runtime.getRuntime().removeShutdownHook(stop);
    server.stop();
  }
}
