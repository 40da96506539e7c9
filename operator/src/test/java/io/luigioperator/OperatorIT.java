/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.fabric8.kubernetes.api.model.Condition;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import io.luigioperator.JobControllerAndNode.End;
import io.luigioperator.api.Phase;
import io.luigioperator.api.PipelineRun;
import io.luigioperator.api.PipelineSchedule;
import io.luigioperator.ledger.LedgerConfig;
import io.luigioperator.ledger.TestDatabase;
import io.luigioperator.ops.BuildInfo;
import io.luigioperator.ops.HttpProbe;
import io.luigioperator.schedule.TimeZones;
import io.luigioperator.testing.Ports;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * The whole operator with the permissions of the chart, on a real API server and a real database.
 * Only the Job controller and the node are simulated.
 */
class OperatorIT {
  private static final Duration TIMEOUT = Duration.ofSeconds(60);
  private static final BuildInfo BUILD = new BuildInfo("0.0.1", "abc");

  private static KubernetesClient admin;
  private static int rounds;

  private final List<LuigiOperator> operators = new ArrayList<>();
  private final String namespace = "data-" + rounds++;
  private String operatorNamespace = ChartRbac.NAMESPACE;
  private String user = ChartRbac.USER;
  private LedgerConfig database;
  private JobControllerAndNode cluster;

  @BeforeAll
  static void grantPermissions() throws IOException, InterruptedException {
    admin = OperatorClients.admin();
    ChartRbac.grant(admin);
  }

  @AfterAll
  static void close() {
    admin.close();
  }

  @BeforeEach
  void prepare() {
    createNamespace(namespace);
    database = TestDatabase.fresh("operator");
    simulate(pod -> Optional.of(succeeded(pod)));
  }

  @AfterEach
  void stop() {
    operators.forEach(LuigiOperator::stop);
    cluster.close();
    cluster.assertNoErrors();
  }

  // ---- actions

  private static void createNamespace(String name) {
    admin
        .resource(new NamespaceBuilder().withNewMetadata().withName(name).endMetadata().build())
        .create();
  }

  private static void apply(String yaml) {
    for (HasMetadata object :
        admin.load(new ByteArrayInputStream(yaml.getBytes(StandardCharsets.UTF_8))).items()) {
      admin.resource(object).create();
    }
  }

  private void simulate(java.util.function.Function<Pod, Optional<End>> ends) {
    if (cluster != null) {
      cluster.close();
    }
    cluster = new JobControllerAndNode(admin, namespace, ends);
  }

  private final class Started {
    private final LuigiOperator operator;
    private final int port;

    Started(String podName, String... settings) throws Exception {
      port = Ports.free();
      Map<String, String> env = new HashMap<>();
      env.put("LUIGI_OPERATOR_CLUSTER_ID", "here");
      env.put("LUIGI_OPERATOR_NAMESPACES", namespace);
      env.put("LUIGI_OPERATOR_MYSQL_HOST", database.host());
      env.put("LUIGI_OPERATOR_MYSQL_PORT", "" + database.port());
      env.put("LUIGI_OPERATOR_MYSQL_DATABASE", database.database());
      env.put("LUIGI_OPERATOR_MYSQL_USER", database.user());
      env.put("LUIGI_OPERATOR_MYSQL_PASSWORD_FILE", database.passwordFile().toString());
      env.put("LUIGI_OPERATOR_MYSQL_SSL_MODE", database.ssl().name());
      env.put("LUIGI_OPERATOR_LEASE_NAMESPACE", operatorNamespace);
      env.put("LUIGI_OPERATOR_LEASE_NAME", ChartRbac.LEASE);
      env.put("LUIGI_OPERATOR_POD_NAME", podName);
      env.put("LUIGI_OPERATOR_HTTP_PORT", "" + port);
      for (int i = 0; i < settings.length; i += 2) {
        env.put("LUIGI_OPERATOR_" + settings[i], settings[i + 1]);
      }
      operator = new LuigiOperator(OperatorConfig.from(env), Clock.systemUTC());
      operators.add(operator);
      operator.start(OperatorClients.of(user), BUILD);
    }

    HttpProbe.Result get(String path) {
      return HttpProbe.get("http://127.0.0.1:" + port + path);
    }

    boolean leads() {
      return metric("luigi_operator_leader").equals("1.0");
    }

    String metric(String series) {
      return get("/metrics")
          .message()
          .lines()
          .filter(line -> line.startsWith(series + " "))
          .map(line -> line.substring(series.length() + 1))
          .findFirst()
          .orElse("absent");
    }
  }

  private void applyRun(String name, String client) {
    apply(runYaml(name, namespace, client));
  }

  private static String runYaml(String name, String namespace, String client) {
    return """
    apiVersion: luigi-operator.io/v1beta1
    kind: PipelineRun
    metadata: {name: "%s", namespace: "%s"}
    spec:
      client: "%s"
      date: "2013-01-15"
      pipeline:
        image: registry.example.com/flights:1
        task: {module: flights, family: Report}
        retry: {backoffSeconds: 1, maxBackoffSeconds: 1}
    """
        .formatted(name, namespace, client);
  }

  private PipelineRun run(String name) {
    return admin.resources(PipelineRun.class).inNamespace(namespace).withName(name).get();
  }

  private void awaitRun(String name, Predicate<PipelineRun> condition) {
    await()
        .atMost(TIMEOUT)
        .pollInterval(Duration.ofMillis(50))
        .untilAsserted(() -> assertThat(run(name)).matches(condition));
  }

  private static Predicate<PipelineRun> phase(Phase phase) {
    return run -> run != null && run.getStatus() != null && run.getStatus().phase() == phase;
  }

  private static Optional<Condition> condition(PipelineRun run, String type) {
    return Optional.ofNullable(run.getStatus()).stream()
        .flatMap(s -> s.conditions().stream())
        .filter(c -> c.getType().equals(type))
        .findFirst();
  }

  private static String token(Pod pod) {
    return pod.getMetadata().getAnnotations().get("luigi-operator.io/token");
  }

  private static End succeeded(Pod pod) {
    return new End(0, message(pod, "Succeeded", 0));
  }

  private static End taskFailed(Pod pod) {
    return new End(30, message(pod, "TaskFailed", 30));
  }

  private static String message(Pod pod, String verdict, int exit) {
    return """
    {"v":1,"final":true,"verdict":"%s","exit":%d,"retry":true,"phase":"verify","run":"x","uid":"x","att":1,\
    "tok":"%s","luigi":"3.8.1","t0":1,"t1":2,"n":{"total":3,"complete":1,"ran":2,"failed":0,"pending":0,\
    "missing":0,"running":0,"disabled":0,"unknown":0,"dynamic":0},"fail":null,"missing":[],"running":[],\
    "slow":[],"cut":[],"failed":[]}
    """
        .formatted(verdict, exit, token(pod));
  }

  // ---- tests

  @Test
  void aRunSucceeds() throws Exception {
    Started operator = new Started("pod-a");
    assertThat(operator.get("/readyz").message()).isEqualTo("HTTP 200: ok");

    applyRun("acme-1", "acme");
    awaitRun("acme-1", phase(Phase.Succeeded));

    PipelineRun done = run("acme-1");
    assertThat(condition(done, "Finished").orElseThrow().getStatus()).isEqualTo("True");
    assertThat(done.getStatus().attempts())
        .singleElement()
        .matches(a -> a.jobName().equals("acme-1-a1"));
    assertThat(done.getMetadata().getFinalizers()).isEmpty();
    assertThat(
            admin
                .batch()
                .v1()
                .jobs()
                .inNamespace(namespace)
                .withName("acme-1-a1")
                .get()
                .getMetadata()
                .getAnnotations())
        .hasEntrySatisfying(
            "luigi-operator.io/cluster", cluster -> assertThat(cluster).startsWith("here/"));
    assertThat(operator.metric("luigi_operator_claims_total")).isEqualTo("1.0");
    assertThat(operator.metric("luigi_operator_accept_to_gate_seconds_count")).isEqualTo("1");
    assertThat(operator.metric("luigi_operator_runs_finished_total{state=\"succeeded\"}"))
        .isEqualTo("1.0");
    String info =
        "luigi_operator_info{commit=\"abc\",tzdb=\"%s\",version=\"0.0.1\"}"
            .formatted(TimeZones.version());
    assertThat(operator.metric(info)).isEqualTo("1");
    assertThat(operator.get("/livez").ok()).isTrue();
  }

  /** With the permissions that the chart grants with watchNamespaces. */
  @Test
  void runsInOtherNamespacesAreIgnored() throws Exception {
    String other = namespace + "-other";
    createNamespace(other);
    apply(runYaml("acme-1", other, "acme"));
    operatorNamespace = "narrow-system";
    user = ChartRbac.grantIn(admin, operatorNamespace, List.of(namespace));
    new Started("pod-a");
    applyRun("acme-1", "acme");
    awaitRun("acme-1", phase(Phase.Succeeded));
    PipelineRun ignored =
        admin.resources(PipelineRun.class).inNamespace(other).withName("acme-1").get();
    assertThat(ignored.getStatus().observedGeneration()).isEqualTo(-1);
  }

  @Test
  void aRunIsRetriedAfterTheHoldOfALostNode() throws Exception {
    simulate(
        pod ->
            pod.getMetadata().getName().startsWith("acme-1-a1")
                ? Optional.empty()
                : Optional.of(succeeded(pod)));
    new Started("pod-a", "NODE_LOSS_HOLD_SECONDS", "1");
    applyRun("acme-1", "acme");
    awaitRun("acme-1", r -> phase(Phase.Running).test(r) && !cluster.running().isEmpty());
    cluster.loseNode();
    awaitRun("acme-1", phase(Phase.Succeeded));
    assertThat(run("acme-1").getStatus().attempts())
        .extracting(a -> a.reason())
        .containsExactly("Succeeded", "NodeLost");
  }

  @Test
  void withoutHeadStartsRunsStartInOrderOfCreation() throws Exception {
    simulate(
        pod ->
            pod.getMetadata().getName().startsWith("busy")
                ? Optional.empty()
                : Optional.of(succeeded(pod)));
    new Started(
        "pod-a",
        "CAPACITY_MAX_RUNNING",
        "1",
        "HEAD_START_SECONDS",
        "Low=0,Normal=0,High=0,Critical=0");
    applyRun("busy", "busy");
    await().atMost(TIMEOUT).until(() -> !cluster.running().isEmpty());
    for (String priority : List.of("Low", "Critical")) {
      String name = "run-" + priority.toLowerCase(Locale.ROOT);
      apply(runYaml(name, namespace, name).replace("spec:", "spec:\n  priority: " + priority));
      awaitRun(name, phase(Phase.Queued));
    }
    String busy = cluster.started().getFirst();
    cluster.end(busy, succeeded(cluster.running().get(busy)));
    awaitRun("run-low", phase(Phase.Succeeded));
    awaitRun("run-critical", phase(Phase.Succeeded));
    assertThat(cluster.started())
        .map(name -> name.replaceFirst("-a1-.*", ""))
        .containsExactly("busy", "run-low", "run-critical");
  }

  @Test
  void aFailedRunIsRetriedAfterItsBackoff() throws Exception {
    simulate(
        pod ->
            Optional.of(
                pod.getMetadata().getName().startsWith("acme-1-a1")
                    ? taskFailed(pod)
                    : succeeded(pod)));
    Started operator = new Started("pod-a");
    applyRun("acme-1", "acme");
    awaitRun("acme-1", phase(Phase.Succeeded));
    assertThat(run("acme-1").getStatus().attempts()).hasSize(2);
    assertThat(operator.metric("luigi_operator_retries_total")).isEqualTo("1.0");
  }

  @Test
  void runsOfOneClientAreSerialAndSlotsAreUsed() throws Exception {
    simulate(pod -> Optional.empty());
    Started operator = new Started("pod-a", "CAPACITY_MAX_RUNNING", "2");
    List<String> left = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      for (String client : List.of("acme", "globex", "initech")) {
        applyRun(client + "-" + i, client);
        left.add(client);
      }
    }
    await()
        .atMost(TIMEOUT)
        .until(() -> operator.metric("luigi_operator_runs_accepted_total").equals("12.0"));
    for (int ended = 0; ended < 12; ended++) {
      // every slot is used that another client can use
      int slots = Math.min(2, Set.copyOf(left).size());
      await().atMost(TIMEOUT).until(() -> cluster.running().size() >= slots);
      assertThat(operator.metric("luigi_operator_claims_total"))
          .isEqualTo(String.valueOf((double) (ended + slots)));
      String pod =
          cluster.started().stream()
              .filter(cluster.running()::containsKey)
              .findFirst()
              .orElseThrow();
      left.remove(client(cluster.running().get(pod)));
      cluster.end(pod, succeeded(cluster.running().get(pod)));
      await().atMost(TIMEOUT).until(() -> !cluster.running().containsKey(pod));
    }
    for (String client : List.of("acme", "globex", "initech")) {
      for (int i = 0; i < 4; i++) {
        awaitRun(client + "-" + i, phase(Phase.Succeeded));
      }
    }
    assertThat(cluster.concurrent())
        .hasSize(12)
        .allSatisfy(
            pods ->
                assertThat(pods)
                    .hasSizeLessThanOrEqualTo(2)
                    .extracting(OperatorIT::client)
                    .doesNotHaveDuplicates());
    assertThat(operator.metric("luigi_operator_turnaround_seconds_count"))
        .describedAs("all but the first two waited for the end of another run")
        .isEqualTo("10");
  }

  private static String client(Pod pod) {
    return pod.getMetadata().getLabels().get("luigi-operator.io/client");
  }

  @Test
  void aRunIsAcceptedWhenItsScheduleIsCreated() throws Exception {
    Started operator = new Started("pod-a");
    apply(
        """
        apiVersion: luigi-operator.io/v1beta1
        kind: PipelineRun
        metadata: {name: early, namespace: "%s"}
        spec: {scheduleRef: {name: nightly}, client: acme, date: "2013-01-15"}
        """
            .formatted(namespace));
    awaitRun(
        "early",
        r ->
            condition(r, "Accepted")
                .filter(c -> c.getReason().equals("ScheduleNotFound"))
                .isPresent());
    apply(
        """
        apiVersion: luigi-operator.io/v1beta1
        kind: PipelineSchedule
        metadata: {name: nightly, namespace: "%s"}
        spec:
          pipeline: {image: "registry.example.com/flights:1", task: {module: flights, family: Report}}
          clients: [{id: acme}, {id: globex}]
        """
            .formatted(namespace));
    awaitRun("early", phase(Phase.Succeeded));
    await()
        .atMost(TIMEOUT)
        .untilAsserted(
            () -> {
              PipelineSchedule schedule =
                  admin
                      .resources(PipelineSchedule.class)
                      .inNamespace(namespace)
                      .withName("nightly")
                      .get();
              assertThat(schedule.getStatus().observedGeneration()).isEqualTo(1);
              assertThat(schedule.getStatus().clients().total()).isEqualTo(2);
              assertThat(schedule.getStatus().conditions())
                  .anyMatch(c -> c.getType().equals("Ready") && c.getStatus().equals("True"));
            });
    assertThat(operator.get("/livez").ok()).isTrue();
  }

  @Test
  void deletingARunStopsItsPodAndReleasesItsClient() throws Exception {
    simulate(
        pod ->
            pod.getMetadata().getName().startsWith("acme-long")
                ? Optional.empty()
                : Optional.of(succeeded(pod)));
    new Started("pod-a");
    applyRun("acme-long", "acme");
    await().atMost(TIMEOUT).until(() -> !cluster.running().isEmpty());
    applyRun("acme-next", "acme");
    awaitRun(
        "acme-next",
        r ->
            condition(r, "Queued")
                .filter(c -> c.getReason().equals("WaitingForClient"))
                .isPresent());

    admin.resources(PipelineRun.class).inNamespace(namespace).withName("acme-long").delete();
    awaitRun("acme-next", phase(Phase.Succeeded));
  }

  @Test
  void anotherReplicaTakesOverWithoutLossOrRepetition() throws Exception {
    simulate(
        pod ->
            pod.getMetadata().getName().startsWith("acme-1")
                ? Optional.empty()
                : Optional.of(succeeded(pod)));
    Started first = new Started("pod-a");
    await().atMost(TIMEOUT).until(first::leads);
    Started second = new Started("pod-b");
    applyRun("acme-1", "acme");
    await().atMost(TIMEOUT).until(() -> !cluster.running().isEmpty());
    assertThat(second.leads()).isFalse();
    assertThat(second.get("/readyz").ok()).isTrue();
    assertThat(second.metric("luigi_operator_claims_total")).isEqualTo("0.0");

    long stopped = System.nanoTime();
    first.operator.stop();
    await().atMost(TIMEOUT).pollInterval(Duration.ofMillis(10)).until(second::leads);
    System.out.printf("handover: %d ms%n", (System.nanoTime() - stopped) / 1_000_000);

    String pod = cluster.running().keySet().iterator().next();
    cluster.end(pod, succeeded(cluster.running().get(pod)));
    awaitRun("acme-1", phase(Phase.Succeeded));
    applyRun("globex-1", "globex");
    awaitRun("globex-1", phase(Phase.Succeeded));
    assertThat(run("acme-1").getStatus().attempts()).hasSize(1);
    assertThat(first.get("/livez").ok()).describedAs("after the stop").isFalse();
  }

  /** It begins after the cron time of its status, and ends now: it has missed five dates. */
  @Test
  void ofTheEndedRunsOfAScheduleTheHistoryIsKept() throws Exception {
    Instant end = Instant.now().truncatedTo(ChronoUnit.MINUTES).plusSeconds(1);
    apply(
        """
        apiVersion: luigi-operator.io/v1beta1
        kind: PipelineSchedule
        metadata: {name: minutely, namespace: "%s"}
        spec:
          pipeline: {image: "registry.example.com/flights:1", task: {module: flights, family: Report}}
          crons: ["* * * * *"]
          businessDate: {unit: Minute}
          catchUp: {policy: All, maxRunsPerClient: 5}
          clients: [{id: acme, endTime: "%s"}]
          history: {succeeded: 2}
        """
            .formatted(namespace, end));
    admin
        .resources(PipelineSchedule.class)
        .inNamespace(namespace)
        .withName("minutely")
        .subresource("status")
        .patch(
            PatchContext.of(PatchType.JSON_MERGE),
            "{\"status\":{\"lastTickTime\":\"%s\"}}".formatted(end.minusSeconds(3600)));
    apply(
        """
        apiVersion: luigi-operator.io/v1beta1
        kind: PipelineRun
        metadata: {name: by-hand, namespace: "%s"}
        spec: {scheduleRef: {name: minutely}, client: acme, date: "2013-01-15"}
        """
            .formatted(namespace));

    Started operator = new Started("pod-a");

    await()
        .atMost(TIMEOUT)
        .untilAsserted(
            () ->
                assertThat(
                        operator.metric("luigi_operator_runs_finished_total{state=\"succeeded\"}"))
                    .isEqualTo("6.0"));
    await()
        .atMost(TIMEOUT)
        .untilAsserted(
            () ->
                assertThat(
                        admin.resources(PipelineRun.class).inNamespace(namespace).list().getItems())
                    .hasSize(3)
                    .allMatch(phase(Phase.Succeeded))
                    .extracting(run -> run.getMetadata().getName())
                    .contains("by-hand"));
    assertThat(operator.metric("luigi_operator_runs_finished_total{state=\"canceled\"}"))
        .as("deleting the PipelineRun of an ended run cancels nothing")
        .isNotEqualTo("1.0");
  }
}
