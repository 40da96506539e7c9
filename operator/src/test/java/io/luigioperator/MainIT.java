/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.fabric8.kubernetes.api.model.coordination.v1.Lease;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.Resource;
import io.luigioperator.ledger.LedgerConfig;
import io.luigioperator.ledger.MySqlLedger;
import io.luigioperator.ledger.TestDatabase;
import io.luigioperator.ops.HttpProbe;
import io.luigioperator.run.Ageing;
import io.luigioperator.run.ClusterIdentity;
import io.luigioperator.testing.Ports;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The operator as a separate process: start, stop, failure and kill. */
class MainIT {
  private static final Duration TIMEOUT = Duration.ofSeconds(90);
  private static final Duration TAKEOVER = Duration.ofSeconds(10);

  private static LedgerConfig database;
  private static KubernetesClient admin;

  private final List<Replica> replicas = new ArrayList<>();

  @TempDir private Path dir;
  private Path kubeconfig;

  @BeforeAll
  static void prepare() throws IOException, InterruptedException {
    database = TestDatabase.fresh("main");
    admin = OperatorClients.admin();
    ChartRbac.grant(admin);
  }

  @AfterAll
  static void close() {
    admin.close();
  }

  @BeforeEach
  void writeKubeconfig() throws IOException {
    kubeconfig = Files.writeString(dir.resolve("kubeconfig"), ChartRbac.kubeconfig(admin));
  }

  @AfterEach
  void killAll() {
    replicas.forEach(r -> r.process.destroyForcibly().onExit().join());
    lease().delete();
  }

  private static Resource<Lease> lease() {
    return admin.leases().inNamespace(ChartRbac.NAMESPACE).withName(ChartRbac.LEASE);
  }

  private static ProcessBuilder java(String... arguments) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.add("-XX:+UseSerialGC");
    command.add("-cp");
    command.add(System.getProperty("java.class.path"));
    command.add("io.luigioperator.Main");
    command.addAll(List.of(arguments));
    return new ProcessBuilder(command).redirectErrorStream(true);
  }

  private static int exitCode(Process process) throws InterruptedException {
    assertThat(process.waitFor(TIMEOUT.toSeconds(), TimeUnit.SECONDS)).isTrue();
    return process.exitValue();
  }

  /** What {@code helm test} runs. */
  private int probe(String url) throws IOException, InterruptedException {
    Process process = java("probe", url).redirectOutput(dir.resolve("probe").toFile()).start();
    try {
      return exitCode(process);
    } finally {
      process.destroyForcibly();
    }
  }

  private final class Replica {
    private final int port;
    private final Path out;
    private final Process process;

    Replica(String podName, Map<String, String> changes) throws IOException {
      port = Ports.free();
      out = dir.resolve(podName + ".log");
      ProcessBuilder builder = java().redirectOutput(out.toFile());
      Map<String, String> env = new HashMap<>();
      env.put("CLUSTER_ID", "here");
      env.put("MYSQL_HOST", database.host());
      env.put("MYSQL_PORT", "" + database.port());
      env.put("MYSQL_DATABASE", database.database());
      env.put("MYSQL_USER", database.user());
      // The server of the tests accepts every password.
      Path password = Files.writeString(dir.resolve("password"), "do-not-print");
      env.put("MYSQL_PASSWORD_FILE", password.toString());
      env.put("MYSQL_SSL_MODE", database.ssl().name());
      env.put("LEASE_NAME", ChartRbac.LEASE);
      env.put("LEASE_NAMESPACE", ChartRbac.NAMESPACE);
      env.put("POD_NAME", podName);
      env.put("HTTP_PORT", "" + port);
      env.putAll(changes);
      builder.environment().keySet().removeIf(key -> key.startsWith(OperatorConfig.PREFIX));
      env.forEach((key, value) -> builder.environment().put(OperatorConfig.PREFIX + key, value));
      builder.environment().put("KUBECONFIG", kubeconfig.toString());
      process = builder.start();
      replicas.add(this);
    }

    String url(String path) {
      return "http://127.0.0.1:" + port + path;
    }

    HttpProbe.Result get(String path) {
      return HttpProbe.get(url(path));
    }

    void awaitReady() throws IOException {
      try {
        await().atMost(TIMEOUT).until(() -> get("/readyz").ok());
      } catch (RuntimeException e) {
        throw new AssertionError("not ready: " + Files.readString(out), e);
      }
    }

    boolean leads() {
      return get("/metrics").message().contains("luigi_operator_leader 1.0");
    }

    String log() throws IOException {
      return Files.readString(out);
    }

    int awaitExit() throws InterruptedException {
      return exitCode(process);
    }
  }

  @Test
  void stopsInOrderOnSigterm() throws Exception {
    Replica replica = new Replica("pod-a", Map.of());
    replica.awaitReady();
    await().atMost(TIMEOUT).until(replica::leads);
    assertThat(lease().get().getSpec().getHolderIdentity()).isEqualTo("pod-a");

    replica.process.destroy();
    assertThat(replica.awaitExit()).isZero();
    assertThat(replica.log())
        .containsSubsequence(
            "\"formattedMessage\":\"ready\"",
            "\"formattedMessage\":\"Lease released\"",
            "{\"part\":\"leader election\"}",
            "{\"part\":\"run queue\"}",
            "{\"part\":\"controllers\"}",
            "{\"part\":\"caches\"}",
            "{\"part\":\"ledger\"}",
            "{\"part\":\"health and metrics\"}")
        .doesNotContain("do-not-print")
        .doesNotContain("\"level\":\"ERROR\"");
  }

  @Test
  void anotherReplicaLeadsWithinTenSecondsAfterAKill() throws Exception {
    Replica first = new Replica("pod-a", Map.of());
    first.awaitReady();
    await().atMost(TIMEOUT).until(first::leads);
    Replica second = new Replica("pod-b", Map.of("LOG_LEVEL", "WARN"));
    second.awaitReady();
    assertThat(second.leads()).isFalse();

    long killed = System.nanoTime();
    first.process.destroyForcibly();
    await().atMost(TAKEOVER).pollInterval(Duration.ofMillis(50)).until(second::leads);
    assertThat(second.log()).doesNotContain("\"level\":\"INFO\"");
    System.out.printf("takeover after a kill: %d ms%n", (System.nanoTime() - killed) / 1_000_000);
  }

  @Test
  void aPortInUseEndsTheStart() throws Exception {
    try (ServerSocket taken = new ServerSocket(0)) {
      Replica replica = new Replica("pod-a", Map.of("HTTP_PORT", "" + taken.getLocalPort()));
      assertThat(replica.awaitExit()).isEqualTo(1);
      assertThat(replica.log()).contains("start failed", "Address already in use");
    }
  }

  @Test
  void anInvalidConfigurationEndsTheStart() throws Exception {
    Replica replica = new Replica("pod-a", Map.of("CLUSTER_ID", "", "MYSQL_PORT", "x"));
    assertThat(replica.awaitExit()).isEqualTo(2);
    assertThat(replica.log())
        .contains("LUIGI_OPERATOR_CLUSTER_ID: is not set", "LUIGI_OPERATOR_MYSQL_PORT: is \"x\"");
  }

  @Test
  void startsNothingWithTheIdOfAnotherCluster() throws Exception {
    String message = "the cluster id \\\"shared\\\" belongs to another Kubernetes cluster";
    String uid = admin.namespaces().withName("kube-system").get().getMetadata().getUid();
    try (MySqlLedger other =
        MySqlLedger.open(
            database,
            Ageing.DEFAULT,
            RandomGenerator.getDefault(),
            pause -> {},
            new SimpleMeterRegistry())) {
      ClusterIdentity dead = new ClusterIdentity("shared", "dead");
      other.clusters().register(dead, true);
      Replica replica = new Replica("pod-a", Map.of("CLUSTER_ID", "shared"));
      await().atMost(TIMEOUT).until(() -> replica.log().contains(message));
      assertThat(replica.get("/readyz").message())
          .contains("503", "give this cluster a clusterId of its own");
      assertThat(replica.get("/livez").ok()).isTrue();
      assertThat(lease().get()).as("no leader").isNull();

      other.clusters().retire("dead", Duration.ZERO);
      replica.awaitReady();
      await().atMost(TIMEOUT).until(replica::leads);

      other.clusters().retire(uid, Duration.ZERO);
      assertThat(replica.awaitExit()).isEqualTo(1);
      assertThat(replica.log())
          .containsSubsequence("\"ready\"", "was retired", "stopping after a fatal error");
    }
  }

  @Test
  void theProbeSucceedsIfAReplicaIsReady() throws Exception {
    Replica replica = new Replica("pod-a", Map.of());
    replica.awaitReady();
    assertThat(probe(replica.url("/readyz"))).isZero();
  }

  @Test
  void theProbeFailsIfNothingListens() throws Exception {
    assertThat(probe("http://127.0.0.1:" + Ports.free() + "/readyz")).isEqualTo(1);
  }

  @Test
  void isAliveButNotReadyWhileTheDatabaseIsUnavailable() throws Exception {
    Replica replica = new Replica("pod-a", Map.of("MYSQL_PORT", "" + Ports.free()));
    await().atMost(TIMEOUT).until(() -> replica.log().contains("waiting for the ledger"));
    assertThat(replica.get("/livez").ok()).isTrue();
    assertThat(replica.get("/readyz").message()).contains("503", "ledger: not connected yet");
    assertThat(probe(replica.url("/readyz"))).isEqualTo(1);
    replica.process.destroy();
    assertThat(replica.awaitExit()).isEqualTo(1);
  }
}
