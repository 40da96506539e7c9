/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.fabric8.kubernetes.api.model.BindingBuilder;
import io.fabric8.kubernetes.api.model.Condition;
import io.fabric8.kubernetes.api.model.ConditionBuilder;
import io.fabric8.kubernetes.api.model.Event;
import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.api.model.NodeBuilder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.api.model.PodSchedulingGate;
import io.fabric8.kubernetes.api.model.Quantity;
import io.fabric8.kubernetes.api.model.ResourceQuotaBuilder;
import io.fabric8.kubernetes.api.model.ServiceAccountBuilder;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.luigioperator.ApiServer;
import io.luigioperator.ShippedRights;
import io.luigioperator.api.LuigiStatus;
import io.luigioperator.api.Phase;
import io.luigioperator.api.PipelineRun;
import io.luigioperator.api.PipelineRunStatus;
import io.luigioperator.job.Kube.DryRun;
import io.luigioperator.job.Kube.Freshness;
import io.luigioperator.job.Kube.JobCreation;
import io.luigioperator.job.Kube.NamespaceState;
import io.luigioperator.job.Kube.RunCreation;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.AttemptRef;
import io.luigioperator.run.AttemptSeen;
import io.luigioperator.run.AttemptSeen.JobSeen;
import io.luigioperator.run.AttemptSeen.PodSeen;
import io.luigioperator.run.FailureCause;
import io.luigioperator.run.NodeSeen;
import io.luigioperator.run.RequestJson;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunObject;
import io.luigioperator.run.Verdict;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The door on a real API server; Job controller, scheduler and kubelet are played by hand. */
class Fabric8KubeIT {

  private static final Instant NOW = Instant.parse("2026-01-31T12:00:30Z");
  private static final Duration PATIENCE = Duration.ofSeconds(20);
  private static final AtomicInteger NAMES = new AtomicInteger();

  /** Of the test, with all rights. */
  private static KubernetesClient client;

  /** Of the door, with the rights that the chart grants and no others. */
  private static KubernetesClient operator;

  private final Queue<RunKey> changes = new ConcurrentLinkedQueue<>();
  private final List<Fabric8Kube> opened = new ArrayList<>();
  private String namespace = "";
  private final Fabric8Kube kube = newKube(operator);

  private Fabric8Kube newKube(KubernetesClient c, String... namespaces) {
    Fabric8Kube k =
        new Fabric8Kube(
            c, new JobBlueprint("0.1.0"), List.of(namespaces), InstantSource.fixed(NOW));
    opened.add(k);
    return k;
  }

  @BeforeAll
  static void connect() throws IOException, InterruptedException {
    client = ApiServer.client();
    ShippedRights.grant(client);
    operator = ApiServer.clientOf(ShippedRights.USER);
  }

  @AfterAll
  static void disconnect() {
    operator.close();
    client.close();
  }

  @BeforeEach
  void makeNamespace() {
    namespace = "job-" + NAMES.incrementAndGet();
    client
        .resource(
            new NamespaceBuilder()
                .withNewMetadata()
                .withName(namespace)
                .addToLabels("pod-security.kubernetes.io/enforce", "restricted")
                .endMetadata()
                .build())
        .create();
    client
        .resource(
            new ServiceAccountBuilder()
                .withNewMetadata()
                .withNamespace(namespace)
                .withName("default")
                .endMetadata()
                .build())
        .create();
  }

  @AfterEach
  void close() {
    opened.forEach(Fabric8Kube::close);
  }

  // ---- the cluster

  @Test
  void knowsTheClusterByItsSystemNamespace() {
    assertThat(kube.identity())
        .isEqualTo(client.namespaces().withName("kube-system").get().getMetadata().getUid());
    assertThat(kube.crdEstablished()).isTrue();
    assertThatThrownBy(() -> operator.secrets().inNamespace(namespace).list())
        .as("all this with the rights of the chart")
        .hasMessageContaining("cannot list resource \"secrets\"");
  }

  @Test
  void tellsTheStatesOfANamespace() {
    assertThat(kube.namespace("nowhere")).isEqualTo(NamespaceState.ABSENT);
    assertThat(kube.namespace(namespace)).isEqualTo(NamespaceState.ACTIVE);
    client.namespaces().withName(namespace).delete(); // nobody finalizes it here
    assertThat(kube.namespace(namespace)).isEqualTo(NamespaceState.TERMINATING);
  }

  @Test
  void tellsTheStatesOfANode() {
    String name = "node-" + namespace;
    assertThat(kube.node(name)).isEqualTo(NodeSeen.gone());
    var node =
        client
            .resource(new NodeBuilder().withNewMetadata().withName(name).endMetadata().build())
            .create();
    assertThat(kube.node(name).health()).isEqualTo(NodeSeen.Health.NOT_READY);
    node =
        client
            .resource(
                new NodeBuilder(node)
                    .withNewStatus()
                    .addNewCondition()
                    .withType("Ready")
                    .withStatus("True")
                    .withLastTransitionTime("2026-01-31T11:00:00Z")
                    .endCondition()
                    .endStatus()
                    .build())
            .updateStatus();
    assertThat(kube.node(name))
        .isEqualTo(new NodeSeen(NodeSeen.Health.READY, Instant.parse("2026-01-31T11:00:00Z")));
    client
        .nodes()
        .withName(name)
        .edit(
            n ->
                new NodeBuilder(n)
                    .editSpec()
                    .addNewTaint(
                        "NoExecute", "node.kubernetes.io/out-of-service", null, "nodeshutdown")
                    .endSpec()
                    .build());
    assertThat(kube.node(name).health()).isEqualTo(NodeSeen.Health.OUT_OF_SERVICE);
  }

  // ---- PipelineRuns

  @Test
  void createsTheObjectOfARunOnce() {
    Given given = given("mirrored");
    assertThat(kube.run(given.run().key(), Freshness.LIVE)).isEmpty();

    RunCreation first = kube.createRun(given.run().key(), given.object().spec());
    RunCreation second = kube.createRun(given.run().key(), given.object().spec());

    assertThat(first).isEqualTo(second);
    RunObject object = ((RunCreation.Present) first).object();
    assertThat(object.ours()).isTrue();
    assertThat(object.spec()).isEqualTo(given.object().spec());
    assertThat(object.status().orElseThrow().phase()).isEqualTo(Phase.Pending);
    assertThat(kube.run(given.run().key(), Freshness.LIVE)).contains(object);
    assertThat(manifest(given.run().key()).getMetadata().getLabels())
        .containsEntry("luigi-operator.io/client", "UA")
        .containsEntry("luigi-operator.io/date", "2013-01-15");
  }

  @Test
  void isRefusedAnObjectInTheServersWords() {
    Given given = given("refused");
    RunKey elsewhere = new RunKey("nowhere", "refused");

    assertThat(kube.createRun(elsewhere, given.object().spec()))
        .isInstanceOfSatisfying(
            RunCreation.NotNow.class,
            r -> assertThat(r.message()).contains("namespaces \"nowhere\" not found"));
    assertThat(kube.createRun(new RunKey(namespace, "UPPER"), given.object().spec()))
        .isInstanceOf(RunCreation.Refused.class);
  }

  @Test
  void deletesAnObjectByUidOnly() {
    RunObject object = present("deleted");

    kube.deleteRun(object.key(), "11111111-1111-4111-8111-111111111111");
    assertThat(kube.run(object.key(), Freshness.LIVE)).isPresent();

    kube.deleteRun(object.key(), object.uid());
    assertThat(kube.run(object.key(), Freshness.LIVE)).isEmpty();
    kube.deleteRun(object.key(), object.uid());
  }

  @Test
  void replacesAStatusAsAWhole() {
    RunObject object = present("status");
    PipelineRunStatus running =
        PipelineRunStatus.builder()
            .observedGeneration(1L)
            .phase(Phase.Running)
            .reason("X")
            .message("words")
            .conditions(List.of(condition("Accepted", "True"), condition("Queued", "False")))
            .startTime(NOW)
            .luigi(new LuigiStatus(4, 1, 0, 1, 2, "1/4", List.of("A")))
            .build();
    PipelineRunStatus done =
        PipelineRunStatus.builder()
            .observedGeneration(2L)
            .phase(Phase.Succeeded)
            .conditions(List.of(condition("Finished", "True")))
            .luigi(new LuigiStatus(4, 1, 3, 0, 0, "4/4", List.of()))
            .build();

    assertThat(kube.writeStatus(object, running)).isTrue();
    RunObject shown = kube.run(object.key(), Freshness.LIVE).orElseThrow();
    assertThat(shown.status()).contains(running);

    assertThat(kube.writeStatus(shown, done)).isTrue();
    assertThat(kube.run(object.key(), Freshness.LIVE).orElseThrow().status()).contains(done);
    assertThat(manifest(object.key()).getMetadata().getGeneration())
        .as("no spec was touched")
        .isEqualTo(1);
  }

  @Test
  void aLateWriterOfAStatusUndoesNothing() {
    RunObject object = present("late");
    Fabric8Kube late = newKube(operator);
    RunObject old = late.run(object.key(), Freshness.LIVE).orElseThrow();
    PipelineRunStatus done = PipelineRunStatus.builder().phase(Phase.Succeeded).build();
    assertThat(kube.writeStatus(object, done)).isTrue();

    PipelineRunStatus running = PipelineRunStatus.builder().phase(Phase.Running).build();
    assertThat(late.writeStatus(old, running)).isFalse();

    RunObject now = late.run(object.key(), Freshness.CACHED).orElseThrow();
    assertThat(now.status().map(PipelineRunStatus::phase)).contains(Phase.Succeeded);
    assertThat(late.writeStatus(now, running)).as("it has seen what it undoes").isTrue();
  }

  @Test
  void writesNoStatusOfAnotherObjectOfTheSameName() {
    RunObject first = present("again");
    kube.deleteRun(first.key(), first.uid());
    RunObject second = present("again");

    kube.writeStatus(first, PipelineRunStatus.builder().phase(Phase.Succeeded).build());

    assertThat(kube.run(second.key(), Freshness.LIVE)).contains(second);
    kube.deleteRun(second.key(), second.uid());
    kube.writeStatus(second, PipelineRunStatus.builder().phase(Phase.Succeeded).build());
  }

  @Test
  void warnsOncePerReasonObjectAndMinute() {
    RunObject object = present("warned");
    kube.warn(object, "AttemptFailed", "first");
    kube.warn(object, "AttemptFailed", "second");
    newKube(operator).warn(object, "AttemptFailed", "from another operator");
    kube.warn(object, "RunFailed", "x".repeat(2000));

    List<Event> events = client.v1().events().inNamespace(namespace).list().getItems();
    assertThat(events)
        .extracting(Event::getReason)
        .containsExactlyInAnyOrder("AttemptFailed", "RunFailed");
    assertThat(events)
        .allSatisfy(e -> assertThat(e.getInvolvedObject().getUid()).isEqualTo(object.uid()));
  }

  // ---- Jobs

  @Test
  void createsAJobOnceAndTellsAStrangersFromOurs() {
    Given given = given("once");
    RunObject owner = present("once");

    JobSeen made = created(given, owner);
    assertThat(made.token()).isEqualTo("t-1");
    assertThat(kube.createJob(given.run(), given.attempt(), owner))
        .isEqualTo(new JobCreation.Exists(made));
    Attempt other = withToken(given.attempt(), "t-other");
    assertThat(kube.createJob(given.run(), other, owner))
        .as("its token tells that it is another claim's")
        .isEqualTo(new JobCreation.Exists(made));

    Job job = client.batch().v1().jobs().inNamespace(namespace).withName("once-a1").get();
    assertThat(job.getMetadata().getOwnerReferences().getFirst().getUid()).isEqualTo(owner.uid());
    assertThat(kube.jobs()).contains(made);

    kube.deleteJob(new JobSeen(namespace, "once-a1", "no-such-uid", "t-1", NOW, false));
    assertThat(kube.jobs()).contains(made);
    kube.deleteJob(made);
    assertThat(kube.jobs()).doesNotContain(made);
    kube.deleteJob(made);
  }

  @Test
  void isRefusedAJobInTheServersWords() {
    Given given = given("refused");
    RunObject owner = present("refused");
    client.namespaces().withName(namespace).delete();

    assertThat(kube.createJob(given.run(), given.attempt(), owner))
        .isInstanceOfSatisfying(
            JobCreation.Refused.class,
            r -> assertThat(r.message()).contains("because it is being terminated"));

    Given invalid = JobBlueprintTest.withPodTemplate("{spec: {nodeName: n}}");
    assertThat(kube.createJob(invalid.run(), invalid.attempt(), invalid.object()))
        .isInstanceOfSatisfying(
            JobCreation.Refused.class, r -> assertThat(r.message()).contains("spec.nodeName"));
  }

  @Test
  void aRightThatIsMissingRefusesAJobAndConcludesNothingElse() {
    Given given = given("forbidden");
    RunObject owner = present("forbidden");
    try (KubernetesClient nobody = ApiServer.clientOf("nobody")) {
      Fabric8Kube without = newKube(nobody);

      assertThat(without.createJob(given.run(), given.attempt(), owner))
          .isInstanceOfSatisfying(
              JobCreation.Refused.class,
              r ->
                  assertThat(r.message())
                      .contains("User \"nobody\" cannot create resource \"jobs\""));
      assertThat(without.dryRun(given.run().key(), given.run().origin().request()))
          .isInstanceOfSatisfying(DryRun.Refused.class, r -> assertThat(r.permanent()).isFalse());
      assertThatThrownBy(without::jobs)
          .isInstanceOf(KubeForbidden.class)
          .hasMessageContaining("cannot list resource \"jobs\"");
      assertThatThrownBy(() -> without.run(given.run().key(), Freshness.LIVE))
          .isInstanceOf(KubeForbidden.class);
      assertThatThrownBy(() -> without.namespace(namespace)).isInstanceOf(KubeForbidden.class);
      assertThatThrownBy(() -> without.deleteRun(given.run().key(), owner.uid()))
          .isInstanceOf(KubeForbidden.class);
      without.warn(owner, "RunFailed", "lost, and nobody minds");
    }
  }

  // ---- the gate

  @Test
  void opensTheGateOfThisPodOnce() {
    PodSeen pod = gatedPod("gate");
    assertThat(pod.gated()).isTrue();
    assertThat(pod.jobUid()).isNotEmpty();

    assertThat(kube.openGate(pod)).isTrue();

    assertThat(gates(pod)).isEmpty();
    assertThat(kube.openGate(pod)).as("open already").isFalse();
  }

  @Test
  void opensNoGateOfAnotherPodOfTheSameName() {
    PodSeen pod = gatedPod("stale");
    PodSeen stale =
        new PodSeen(
            pod.namespace(),
            pod.name(),
            "11111111-1111-4111-8111-111111111111",
            pod.token(),
            pod.jobUid(),
            true,
            false,
            false,
            Optional.empty(),
            Optional.empty(),
            false,
            Optional.empty(),
            Optional.empty());

    assertThat(kube.openGate(stale)).isFalse();

    assertThat(gates(pod)).containsExactly(Marks.GATE);
    kube.deletePod(pod.namespace(), pod.name(), stale.uid());
    assertThat(client.resource(podOf(pod)).get()).isNotNull();
  }

  @Test
  void leavesTheGatesOfOthersClosed() {
    PodSeen before = gatedPod("before", "example.com/a", Marks.GATE, "example.com/b");
    PodSeen after = gatedPod("after", Marks.GATE, "example.com/b");

    assertThat(kube.openGate(before)).isTrue();
    assertThat(kube.openGate(after)).isTrue();

    assertThat(gates(before)).containsExactly("example.com/a", "example.com/b");
    assertThat(gates(after)).containsExactly("example.com/b");
    assertThat(kube.openGate(before)).isFalse();
  }

  @Test
  void opensNoGateOfAPodThatIsGone() {
    PodSeen pod = gatedPod("gone");
    kube.deletePod(pod.namespace(), pod.name(), pod.uid());
    letGo(pod);

    assertThat(kube.openGate(pod)).isFalse();
    kube.deletePod(pod.namespace(), pod.name(), pod.uid());
  }

  // ---- the dry run

  @Test
  void asksTheServerWithoutLeavingAnything() {
    Given given = given("dry");

    assertThat(dryRun("{}")).isEqualTo(new DryRun.Allowed());
    assertThat(client.pods().inNamespace(namespace).list().getItems()).isEmpty();
    assertThat(kube.dryRun(given.run().key(), given.run().origin().request()))
        .isEqualTo(new DryRun.Allowed());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          {spec: {hostNetwork: true}}                         | violates PodSecurity "restricted:latest": host namespaces
          {spec: {securityContext: {runAsNonRoot: false}}}    | runAsNonRoot != true
          {spec: {containers: [{name: x, image: x}]}}         | allowPrivilegeEscalation != false (container "x"
          {spec: {dnsPolicy: Sometimes}}                      | Unsupported value: "Sometimes"
          {spec: {tolerance: []}}                             | unknown field "spec.tolerance"
          {spec: {nodeName: n}}                               | may not set spec.nodeName
          {spec: {containers: [{name: luigi, securityContext: {privileged: true}}]}} | privileged
          """)
  void hearsWhatIsWrongWithATemplate(String template, String words) {
    assertThat(dryRun(template))
        .isInstanceOfSatisfying(
            DryRun.Refused.class,
            r -> {
              assertThat(r.message()).contains(words);
              assertThat(r.permanent()).isTrue();
            });
  }

  @Test
  void waitsForWhatMayPass() {
    assertThat(dryRun("{spec: {priorityClassName: none-such}}"))
        .isInstanceOfSatisfying(
            DryRun.Refused.class,
            r -> {
              assertThat(r.message()).contains("no PriorityClass with name none-such");
              assertThat(r.permanent()).isFalse();
            });
    assertThat(dryRun("{spec: {runtimeClassName: none-such}}"))
        .isInstanceOfSatisfying(DryRun.Refused.class, r -> assertThat(r.permanent()).isFalse());

    var quota =
        client
            .resource(
                new ResourceQuotaBuilder()
                    .withNewMetadata()
                    .withNamespace(namespace)
                    .withName("no-pods")
                    .endMetadata()
                    .withNewSpec()
                    .addToHard("pods", new Quantity("0"))
                    .endSpec()
                    .build())
            .create();
    client
        .resource(
            new ResourceQuotaBuilder(quota)
                .withNewStatus()
                .addToHard("pods", new Quantity("0"))
                .addToUsed("pods", new Quantity("0"))
                .endStatus()
                .build())
        .updateStatus();
    // the quota reaches the admission plugin through a cache of its own
    await()
        .atMost(PATIENCE)
        .untilAsserted(
            () ->
                assertThat(dryRun("{}"))
                    .isInstanceOfSatisfying(
                        DryRun.Refused.class,
                        r -> {
                          assertThat(r.message()).contains("exceeded quota: no-pods");
                          assertThat(r.permanent()).isFalse();
                        }));
    assertThat(kube.dryRun(new RunKey("nowhere", "x"), given("x").run().origin().request()))
        .isInstanceOfSatisfying(DryRun.Refused.class, r -> assertThat(r.permanent()).isFalse());
  }

  // ---- watching

  @Test
  void seesAndRemembersTheEndOfADeletedPod() throws IOException {
    watch();
    Given given = given("ends");
    PodSeen pod = gatedPod("ends");
    kube.openGate(pod);
    bind(pod, "node-1");
    String message =
        Files.readString(Path.of("../luigi-image/tests/golden/termination-succeeded.json"))
            .replace("c0ffee00-1d2e-4f3a-8b4c-5d6e7f809102", "t-1");
    end(pod, "Succeeded", 0, message);
    await().atMost(PATIENCE).until(() -> cached(given).pod(pod.uid()).get().ending().isPresent());
    changes.clear();

    kube.deletePod(namespace, pod.name(), pod.uid());
    letGo(pod);

    await().atMost(PATIENCE).until(() -> cached(given).pod(pod.uid()).get().gone());
    for (AttemptSeen seen : List.of(cached(given), kube.attempt(given.attempt(), Freshness.LIVE))) {
      PodSeen last = seen.pod(pod.uid()).orElseThrow();
      assertThat(last.gone()).isTrue();
      assertThat(last.node()).contains("node-1");
      assertThat(last.ending().orElseThrow().cause()).isEqualTo(Verdict.SUCCEEDED);
      assertThat(seen.job()).isPresent();
    }
    assertThat(kube.attempt(given.attempt(), Freshness.LIVE).live()).isTrue();
    assertThat(newKube(operator).attempt(given.attempt(), Freshness.LIVE).pods())
        .as("who did not watch knows nothing of it")
        .isEmpty();
    await().atMost(PATIENCE).until(() -> changes.contains(given.run().key()));
  }

  @Test
  void aPodDeletedOnItsNodeIsNoCleanEnd() {
    watch();
    Given given = given("forced");
    PodSeen pod = gatedPod("forced");
    kube.openGate(pod);
    bind(pod, "node-1");
    client.resource(podOf(pod)).withGracePeriod(0).delete();
    letGo(pod);

    await()
        .atMost(PATIENCE)
        .until(() -> cached(given).pod(pod.uid()).filter(PodSeen::gone).isPresent());
    assertThat(cached(given).pod(pod.uid()).orElseThrow().ending()).isEmpty();
  }

  @Test
  void aPodDeletedWithoutANodeIsACleanEnd() {
    watch();
    Given given = given("never");
    PodSeen pod = gatedPod("never");
    kube.openGate(pod);
    kube.deletePod(namespace, pod.name(), pod.uid());
    letGo(pod);

    await()
        .atMost(PATIENCE)
        .until(() -> cached(given).pod(pod.uid()).filter(PodSeen::gone).isPresent());
    assertThat(cached(given).pod(pod.uid()).orElseThrow().ending().orElseThrow().cause())
        .isEqualTo(FailureCause.POD_DELETED);
  }

  @Test
  void aPodThatLostItsLabelsIsStillThere() {
    watch();
    Given given = given("bare");
    PodSeen pod = gatedPod("bare");
    kube.openGate(pod);
    await().atMost(PATIENCE).until(() -> cached(given).pod(pod.uid()).isPresent());

    client
        .pods()
        .inNamespace(namespace)
        .withName(pod.name())
        .edit(
            p ->
                new PodBuilder(p)
                    .editMetadata()
                    .withLabels(Map.of())
                    .withAnnotations(Map.of())
                    .endMetadata()
                    .build());

    await().atMost(PATIENCE).until(() -> cached(given).pod(pod.uid()).isEmpty());
    Attempt bound = given.bound(pod.jobUid(), pod.uid());
    PodSeen seen = kube.attempt(bound, Freshness.LIVE).pod(pod.uid()).orElseThrow();
    assertThat(seen.gone()).isFalse();
    assertThat(seen.ending()).isEmpty();
  }

  @Test
  void knowsTheNewestOfWhatItDidItself() {
    watch();
    Given given = given("own");
    PodSeen pod = gatedPod("own");
    await().atMost(PATIENCE).until(() -> cached(given).pod(pod.uid()).isPresent());

    kube.openGate(pod);
    assertThat(cached(given).pod(pod.uid()).orElseThrow().gated())
        .as("at once, not when the watch tells")
        .isFalse();
    RunObject object = kube.run(given.run().key(), Freshness.LIVE).orElseThrow();
    PipelineRunStatus status = PipelineRunStatus.builder().phase(Phase.Running).build();
    kube.writeStatus(object, status);
    assertThat(kube.run(object.key(), Freshness.CACHED).orElseThrow().status()).contains(status);
    assertThat(created(given("own2"), present("own2")).token()).isEqualTo("t-1");
    assertThat(cached(given("own2")).job()).isPresent();
  }

  @Test
  void wakesARunWhenSomethingOfItChanges() {
    watch();
    RunObject object = present("woken");
    await().atMost(PATIENCE).until(() -> changes.contains(object.key()));
    assertThat(kube.run(object.key(), Freshness.CACHED)).contains(object);

    changes.clear();
    kube.deleteRun(object.key(), object.uid());
    await().atMost(PATIENCE).until(() -> changes.contains(object.key()));
    assertThat(kube.run(object.key(), Freshness.CACHED)).isEmpty();
    assertThat(kube.isWatching()).isTrue();
  }

  @Test
  void watchesOnlyTheNamespacesItServes() {
    String other = namespace;
    makeNamespace();
    Fabric8Kube narrow = newKube(operator, namespace);
    narrow.onChange(changes::add);
    narrow.start(PATIENCE);
    RunKey elsewhere = new RunKey(other, "elsewhere");
    kube.createRun(elsewhere, given("elsewhere").object().spec());
    gatedPod("here");

    await().atMost(PATIENCE).until(() -> cached(narrow, given("here")).pods().size() == 1);
    assertThat(cached(narrow, given("here")).job()).isPresent();
    assertThat(narrow.jobs()).hasSize(1);
    assertThat(narrow.pods()).hasSize(1);
    assertThat(changes).contains(given("here").run().key()).doesNotContain(elsewhere);
    assertThat(narrow.run(elsewhere, Freshness.CACHED)).isEmpty();
  }

  @Test
  void wakesTheRunsOfAScheduleWhenItsPipelineChanges() {
    watch();
    RunObject run = present("by-reference", "scheduleRef: {name: nightly}");
    await().atMost(PATIENCE).until(() -> kube.run(run.key(), Freshness.CACHED).isPresent());
    changes.clear();

    client
        .load(
            new ByteArrayInputStream(
                """
                apiVersion: luigi-operator.io/v1beta1
                kind: PipelineSchedule
                metadata: {namespace: %s, name: nightly}
                spec:
                  pipeline: {image: "flights:1", task: {module: m, family: F}}
                  clients: [{id: UA}]
                """
                    .formatted(namespace)
                    .getBytes(StandardCharsets.UTF_8)))
        .create();

    await().atMost(PATIENCE).until(() -> changes.contains(run.key()));
    assertThat(kube.schedule(namespace, "nightly").orElseThrow().spec().pipeline().image())
        .isEqualTo("flights:1");
  }

  // ---- the cluster's own parts, by hand

  private void watch() {
    kube.onChange(changes::add);
    kube.start(PATIENCE);
  }

  private Given given(String name) {
    return given(name, "{}");
  }

  private Given given(String name, String podTemplate) {
    return Given.parse(
        """
        object:
          apiVersion: luigi-operator.io/v1beta1
          kind: PipelineRun
          metadata: {namespace: %s, name: %s, uid: unused}
          spec:
            client: UA
            date: "2013-01-15"
            pipeline:
              image: flights:1
              task: {module: m, family: F}
              resources: {requests: {cpu: 100m}, limits: {memory: 128Mi}}
              podTemplate: %s
        parameters: {date: "2013-01-15"}
        attempt: {number: 1, fence: 1, token: t-1}
        """
            .formatted(namespace, name, podTemplate));
  }

  private DryRun dryRun(String podTemplate) {
    Given given = given("dry", podTemplate);
    return kube.dryRun(given.run().key(), RequestJson.write(given.request()));
  }

  private RunObject present(String name) {
    Given given = given(name);
    return ((RunCreation.Present) kube.createRun(given.run().key(), given.object().spec()))
        .object();
  }

  private RunObject present(String name, String pipeline) {
    client
        .load(
            new ByteArrayInputStream(
                """
                apiVersion: luigi-operator.io/v1beta1
                kind: PipelineRun
                metadata: {namespace: %s, name: %s}
                spec: {client: UA, %s}
                """
                    .formatted(namespace, name, pipeline)
                    .getBytes(StandardCharsets.UTF_8)))
        .create();
    return kube.run(new RunKey(namespace, name), Freshness.LIVE).orElseThrow();
  }

  private PipelineRun manifest(RunKey key) {
    return client
        .resources(PipelineRun.class)
        .inNamespace(key.namespace())
        .withName(key.name())
        .get();
  }

  private JobSeen created(Given given, RunObject owner) {
    return ((JobCreation.Created) kube.createJob(given.run(), given.attempt(), owner)).job();
  }

  private AttemptSeen cached(Given given) {
    return cached(kube, given);
  }

  private static AttemptSeen cached(Kube kube, Given given) {
    return kube.attempt(given.attempt(), Freshness.CACHED);
  }

  /** As the Job controller makes it, with its finalizer. */
  private PodSeen gatedPod(String run, String... gates) {
    Given given = given(run);
    JobSeen seen = created(given, present(run));
    Job job = client.batch().v1().jobs().inNamespace(namespace).withName(seen.name()).get();
    var template = job.getSpec().getTemplate();
    Pod pod =
        new PodBuilder()
            .withMetadata(template.getMetadata())
            .editMetadata()
            .withNamespace(namespace)
            .withGenerateName(seen.name() + "-")
            .withFinalizers("batch.kubernetes.io/job-tracking")
            .addNewOwnerReference()
            .withApiVersion("batch/v1")
            .withKind("Job")
            .withName(seen.name())
            .withUid(seen.uid())
            .withController(true)
            .endOwnerReference()
            .endMetadata()
            .withSpec(template.getSpec())
            .build();
    if (gates.length > 0) {
      pod.getSpec().setSchedulingGates(Arrays.stream(gates).map(PodSchedulingGate::new).toList());
    }
    return Observation.pod(client.resource(pod).create());
  }

  private static Pod podOf(PodSeen pod) {
    return new PodBuilder()
        .withNewMetadata()
        .withNamespace(pod.namespace())
        .withName(pod.name())
        .endMetadata()
        .build();
  }

  private List<String> gates(PodSeen pod) {
    return client.resource(podOf(pod)).get().getSpec().getSchedulingGates().stream()
        .map(PodSchedulingGate::getName)
        .toList();
  }

  private void bind(PodSeen pod, String node) {
    client
        .bindings()
        .inNamespace(namespace)
        .resource(
            new BindingBuilder()
                .withNewMetadata()
                .withNamespace(namespace)
                .withName(pod.name())
                .endMetadata()
                .withNewTarget()
                .withKind("Node")
                .withName(node)
                .endTarget()
                .build())
        .create();
  }

  private void end(PodSeen pod, String phase, int exitCode, String message) {
    client
        .resource(
            new PodBuilder(client.resource(podOf(pod)).get())
                .withNewStatus()
                .withPhase(phase)
                .addNewContainerStatus()
                .withName(Marks.CONTAINER)
                .withImage("flights:1")
                .withImageID("flights:1")
                .withReady(false)
                .withRestartCount(0)
                .withNewState()
                .withNewTerminated()
                .withExitCode(exitCode)
                .withMessage(message)
                .endTerminated()
                .endState()
                .endContainerStatus()
                .endStatus()
                .build())
        .updateStatus();
  }

  /** As the Job controller does when it has counted the pod. */
  private void letGo(PodSeen pod) {
    client
        .pods()
        .inNamespace(namespace)
        .withName(pod.name())
        .edit(p -> new PodBuilder(p).editMetadata().withFinalizers().endMetadata().build());
  }

  private static Condition condition(String type, String status) {
    return new ConditionBuilder()
        .withType(type)
        .withStatus(status)
        .withReason("Because")
        .withMessage("")
        .withLastTransitionTime("2026-01-31T12:00:00Z")
        .build();
  }

  private static Attempt withToken(Attempt a, String token) {
    return new Attempt(
        new AttemptRef(a.run(), a.number(), a.ref().fence()),
        a.admitKey(),
        a.clusterId(),
        token,
        a.jobName(),
        a.claimedAt(),
        a.binding(),
        a.node(),
        a.doom(),
        a.uncleanSince(),
        a.end());
  }
}
