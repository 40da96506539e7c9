/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.GenericKubernetesResourceList;
import io.fabric8.kubernetes.api.model.PersistentVolumeClaimBuilder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.Quantity;
import io.fabric8.kubernetes.api.model.SecretBuilder;
import io.fabric8.kubernetes.api.model.coordination.v1.LeaseSpec;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.fabric8.kubernetes.client.dsl.MixedOperation;
import io.fabric8.kubernetes.client.dsl.Resource;
import io.luigioperator.testing.Command;
import io.luigioperator.testing.Namespaces;
import io.luigioperator.testing.Repository;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.ZonedDateTime;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.stream.Stream;

/**
 * The operator that {@code dev/demo} has installed with its chart in the local cluster of {@code
 * dev/cluster}, used through the API server. Each test class has its own namespace.
 */
final class Installation implements AutoCloseable {

  /** Timeout of every wait. Long, because the tests must pass on a busy machine. */
  static final Duration TIMEOUT = Duration.ofMinutes(5);

  static final String SYSTEM = "luigi-demo";
  private static final String RELEASE = "luigi-operator-demo";
  private static final Duration COMMAND_LIMIT = Duration.ofMinutes(3);

  final KubernetesClient client;
  final String namespace;

  Installation(String name) {
    // the name of a run is used only once, so each test run needs a new namespace
    this.namespace = "e2e-%s-%s".formatted(name, Long.toString(System.currentTimeMillis(), 36));
    this.client = connect();
    assertThat(watchedNamespaces())
        .as(
            "an operator for all namespaces is installed in the cluster; if not, run make demo first")
        .contains("");
    Namespaces.createRestricted(client, namespace);
    client
        .resource(
            new ConfigMapBuilder()
                .withNewMetadata()
                .withName("code")
                .withNamespace(namespace)
                .endMetadata()
                .addToData("e2e_tasks.py", resource("/e2e_tasks.py"))
                .build())
        .create();
  }

  private static KubernetesClient connect() {
    String kubeconfig = run("dev/cluster", "kubeconfig").strip();
    try {
      Config config = Config.fromKubeconfig(new File(kubeconfig));
      return new KubernetesClientBuilder()
          .withConfig(
              new ConfigBuilder(config).withRequestTimeout(20_000).withClientKeyAlgo("EC").build())
          .build();
    } catch (RuntimeException e) {
      throw new IllegalStateException("no cluster at " + kubeconfig + ": run make demo first", e);
    }
  }

  /** The namespaces that the operator handles; with CONTEXT=name the demo sets only one. */
  private List<String> watchedNamespaces() {
    return Stream.ofNullable(
            client.apps().deployments().inNamespace(SYSTEM).withName(RELEASE).get())
        .flatMap(d -> d.getSpec().getTemplate().getSpec().getContainers().stream())
        .flatMap(c -> c.getEnv().stream())
        .filter(e -> e.getName().equals("LUIGI_OPERATOR_NAMESPACES"))
        .map(e -> Objects.requireNonNullElse(e.getValue(), ""))
        .toList();
  }

  private void remove() {
    client.namespaces().withName(namespace).delete();
    client
        .namespaces()
        .withName(namespace)
        .waitUntilCondition(Objects::isNull, TIMEOUT.toSeconds(), TimeUnit.SECONDS);
    // makes the volumes of the deleted claims available again
    run("dev/cluster", "volumes");
  }

  @Override
  public void close() {
    remove();
    client.close();
  }

  void addSecret(String name, String key, String value) {
    client
        .resource(
            new SecretBuilder()
                .withNewMetadata()
                .withName(name)
                .withNamespace(namespace)
                .endMetadata()
                .addToStringData(key, value)
                .build())
        .create();
  }

  /** Creates a PersistentVolumeClaim for files that must outlive a pod. */
  void addClaim(String name) {
    client
        .resource(
            new PersistentVolumeClaimBuilder()
                .withNewMetadata()
                .withName(name)
                .withNamespace(namespace)
                .endMetadata()
                .withNewSpec()
                .withAccessModes("ReadWriteOnce")
                .withNewResources()
                .addToRequests("storage", Quantity.parse("1Mi"))
                .endResources()
                .endSpec()
                .build())
        .create();
  }

  // ---- runs

  /** A run of a task in {@code e2e_tasks.py} with an inline pipeline. */
  RunBuilder run(String name) {
    return new RunBuilder(this, name);
  }

  MixedOperation<
          GenericKubernetesResource,
          GenericKubernetesResourceList,
          Resource<GenericKubernetesResource>>
      runs() {
    return objects("PipelineRun");
  }

  MixedOperation<
          GenericKubernetesResource,
          GenericKubernetesResourceList,
          Resource<GenericKubernetesResource>>
      objects(String kind) {
    return client.genericKubernetesResources("luigi-operator.io/v1beta1", kind);
  }

  GenericKubernetesResource schedule(String name) {
    return objects("PipelineSchedule").inNamespace(namespace).withName(name).get();
  }

  /** The runs that a schedule has created and that exist. */
  List<GenericKubernetesResource> runsOf(String schedule) {
    return runs()
        .inNamespace(namespace)
        .withLabel("luigi-operator.io/schedule", schedule)
        .list()
        .getItems();
  }

  GenericKubernetesResource get(String name) {
    return runs().inNamespace(namespace).withName(name).get();
  }

  String status(String name, Object... path) {
    GenericKubernetesResource r = get(name);
    if (r == null) {
      return "";
    }
    Object[] statusPath = new Object[path.length + 1];
    statusPath[0] = "status";
    System.arraycopy(path, 0, statusPath, 1, path.length);
    Object value = r.get(statusPath);
    return value == null ? "" : value.toString();
  }

  /** Waits until the run has the phase. */
  void awaitPhase(String name, String phase) {
    awaitStatus(name, TIMEOUT, phase::equals, "phase");
  }

  void awaitStatus(String name, Duration limit, Predicate<String> expected, Object... path) {
    await(name + " " + List.of(path))
        .atMost(limit)
        .pollInterval(Duration.ofMillis(200))
        .until(() -> status(name, path), expected::test);
  }

  List<Pod> pods(String run) {
    return client
        .pods()
        .inNamespace(namespace)
        .withLabel("luigi-operator.io/run", run)
        .list()
        .getItems();
  }

  String log(Pod pod) {
    return client.pods().inNamespace(namespace).withName(pod.getMetadata().getName()).getLog();
  }

  /** Waits until the run has a running pod, and returns it. */
  Pod runningPod(String run) {
    await(run + " has a running pod")
        .atMost(TIMEOUT)
        .pollInterval(Duration.ofMillis(200))
        .until(() -> pods(run).stream().anyMatch(Installation::isRunning));
    return pods(run).stream().filter(Installation::isRunning).findFirst().orElseThrow();
  }

  private static boolean isRunning(Pod pod) {
    return pod.getMetadata().getDeletionTimestamp() == null
        && pod.getStatus() != null
        && "Running".equals(pod.getStatus().getPhase());
  }

  // ---- faults

  String leader() {
    return lease().getHolderIdentity();
  }

  /** When the leader last renewed its Lease. */
  ZonedDateTime renewed() {
    return lease().getRenewTime();
  }

  private LeaseSpec lease() {
    return client.leases().inNamespace(SYSTEM).withName(RELEASE).get().getSpec();
  }

  void killPod(String podNamespace, String pod) {
    run("dev/cluster", "kill-pod", podNamespace, pod);
  }

  void killKubelet() {
    run("dev/cluster", "kill", "kubelet");
  }

  void restartKubelet() {
    run("dev/cluster", "restart", "kubelet");
  }

  /** Whether the process of a container runs, according to containerd; needs no kubelet. */
  boolean isAlive(String containerId) {
    String id = containerId.replace("containerd://", "");
    return run("dev/cluster", "exec", "ctr", "-n", "k8s.io", "tasks", "ls")
        .lines()
        .anyMatch(line -> line.startsWith(id) && line.contains("RUNNING"));
  }

  /** Runs a program of the repository and returns its standard output. */
  private static String run(String program, String... arguments) {
    List<String> command =
        Stream.concat(Stream.of(Repository.path(program).toString()), Stream.of(arguments))
            .toList();
    return Command.run(command, Map.of(), "", COMMAND_LIMIT).orFail();
  }

  static String resource(String name) {
    try (var in = Installation.class.getResourceAsStream(name)) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
