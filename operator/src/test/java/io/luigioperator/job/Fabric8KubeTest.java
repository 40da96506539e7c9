/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.api.model.PodListBuilder;
import io.fabric8.kubernetes.api.model.PodSchedulingGate;
import io.fabric8.kubernetes.api.model.StatusBuilder;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.luigioperator.api.PipelineRunStatus;
import io.luigioperator.job.Kube.DryRun;
import io.luigioperator.job.Kube.Freshness;
import io.luigioperator.job.Kube.JobCreation;
import io.luigioperator.job.Kube.RunCreation;
import io.luigioperator.job.ScriptedServer.Answer;
import io.luigioperator.job.ScriptedServer.Request;
import io.luigioperator.run.AttemptSeen.JobSeen;
import io.luigioperator.run.AttemptSeen.PodSeen;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunObject;
import java.io.IOException;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What errors of an API server mean, and what is asked of it, word by word. */
class Fabric8KubeTest {

  private static final Instant NOW = Instant.parse("2026-01-31T12:00:00Z");
  private static final Given GIVEN = JobBlueprintTest.withPodTemplate("{}");
  private static final RunKey KEY = GIVEN.run().key();
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final PodSeen POD =
      Observation.pod(
          new PodBuilder()
              .withNewMetadata()
              .withNamespace("flights")
              .withName("p")
              .withUid("u-1")
              .endMetadata()
              .withNewSpec()
              .addNewSchedulingGate(Marks.GATE)
              .endSpec()
              .build());
  private static final JobSeen JOB = new JobSeen("flights", "overlay-a1", "j-1", "t-1", NOW, false);

  private final ScriptedServer server = new ScriptedServer();
  private final Config config =
      Fabric8Kube.bounded(new ConfigBuilder(Config.empty()).withMasterUrl(server.url()).build());
  private final List<KubernetesClient> opened = new ArrayList<>();
  private final Fabric8Kube kube = kube(config);

  Fabric8KubeTest() throws IOException {}

  @AfterEach
  void close() {
    opened.forEach(KubernetesClient::close);
    server.close();
  }

  private Fabric8Kube kube(Config settings, String... namespaces) {
    KubernetesClient client = new KubernetesClientBuilder().withConfig(settings).build();
    opened.add(client);
    return new Fabric8Kube(
        client, new JobBlueprint("0.1.0"), List.of(namespaces), InstantSource.fixed(NOW));
  }

  static Map<String, Consumer<Kube>> calls() {
    Map<String, Consumer<Kube>> calls = new LinkedHashMap<>();
    calls.put("identity", Kube::identity);
    calls.put("namespace", k -> k.namespace("n"));
    calls.put("deletionsConfirmed", k -> k.deletionsConfirmed("n"));
    calls.put("crdEstablished", Kube::crdEstablished);
    calls.put("node", k -> k.node("n"));
    calls.put("run", k -> k.run(KEY, Freshness.LIVE));
    calls.put("createRun", k -> k.createRun(KEY, GIVEN.object().spec()));
    calls.put("deleteRun", k -> k.deleteRun(KEY, "u-1"));
    calls.put(
        "writeStatus", k -> k.writeStatus(GIVEN.object(), PipelineRunStatus.builder().build()));
    calls.put("attempt", k -> k.attempt(GIVEN.bound("j-1", "u-1"), Freshness.LIVE));
    calls.put("createJob", k -> k.createJob(GIVEN.run(), GIVEN.attempt(), GIVEN.object()));
    calls.put("dryRun", k -> k.dryRun(KEY, GIVEN.run().origin().request()));
    calls.put("openGate", k -> k.openGate(POD));
    calls.put("deletePod", k -> k.deletePod("flights", "p", "u-1"));
    calls.put("deleteJob", k -> k.deleteJob(JOB));
    calls.put("jobs", Kube::jobs);
    calls.put("pods", Kube::pods);
    return calls;
  }

  static Stream<Arguments> silences() {
    return calls().entrySet().stream()
        .flatMap(
            c ->
                Stream.of(401, 408, 429, 500, 502, 503, 504)
                    .map(code -> Arguments.of(c.getKey(), code)));
  }

  // ---- no answer

  @ParameterizedTest
  @MethodSource("silences")
  void concludesNothingWhenTheServerCannotAnswer(String call, int code) {
    always(status(code, "Busy", "come back later"));

    assertThatThrownBy(() -> calls().get(call).accept(kube))
        .isInstanceOf(KubeUnavailable.class)
        .hasMessageContaining(code + ": come back later");
    assertThat(server.requests()).as("asked once; who asks decides anew").hasSize(1);
  }

  @ParameterizedTest
  @MethodSource("callNames")
  void concludesNothingWhenNobodyListens(String call) {
    server.close();

    assertThatThrownBy(() -> calls().get(call).accept(kube))
        .isInstanceOf(KubeUnavailable.class)
        .hasMessageContaining("no answer");
  }

  @ParameterizedTest
  @MethodSource("callNames")
  void waitsForNoAnswerForEver(String call) {
    Fabric8Kube hasty = kube(new ConfigBuilder(config).withRequestTimeout(50).build());
    server.answerNothing();

    assertThatThrownBy(() -> calls().get(call).accept(hasty)).isInstanceOf(KubeUnavailable.class);
  }

  static Stream<String> callNames() {
    return calls().keySet().stream();
  }

  @Test
  void boundsEveryRequest() {
    assertThat(config.getRequestTimeout()).isEqualTo(10_000);
    assertThat(config.getConnectionTimeout()).isEqualTo(5_000);
    assertThat(config.getRequestRetryBackoffLimit()).isZero();
    assertThat(config.getMasterUrl()).isEqualTo(server.url());
  }

  // ---- refusals

  @ParameterizedTest
  @ValueSource(ints = {400, 403, 404, 422})
  void passesOnTheServersWords(int code) {
    always(status(code, "No", "because"));

    assertThat(kube.createJob(GIVEN.run(), GIVEN.attempt(), GIVEN.object()))
        .isEqualTo(new JobCreation.Refused("because"));
    assertThat(kube.createRun(KEY, GIVEN.object().spec()))
        .isEqualTo(
            code == 404
                ? new RunCreation.NotNow("because") // the namespace has gone
                : new RunCreation.Refused("because"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"createJob", "createRun", "dryRun"})
  void takesAConflictForASignToComeBack(String call) {
    always(status(409, "Conflict", "Operation cannot be fulfilled on resourcequotas"));

    assertThatThrownBy(() -> calls().get(call).accept(kube)).isInstanceOf(KubeUnavailable.class);
  }

  @ParameterizedTest
  @ValueSource(strings = {"createJob", "createRun"})
  void concludesNothingFromAnObjectThatIsThereAndIsNot(String call) {
    server.answer(
        r ->
            r.method().equals("POST")
                ? status(409, "AlreadyExists", "it already exists")
                : status(404, "NotFound", "not found"));

    assertThatThrownBy(() -> calls().get(call).accept(kube))
        .isInstanceOf(KubeUnavailable.class)
        .hasMessageContaining("already exists");
  }

  @ParameterizedTest
  @ValueSource(strings = {"deleteRun", "deletePod", "deleteJob", "writeStatus"})
  void isContentWhenItIsGoneAlready(String call) {
    always(status(404, "NotFound", "not found"));

    calls().get(call).accept(kube);
  }

  @Test
  void aStatusTheServerWillNotHaveIsAFaultOfOurs() {
    server.answer(
        r ->
            r.method().equals("PATCH")
                ? status(422, "Invalid", "status.reason: Too long")
                : new Answer(
                    200,
                    """
            {"apiVersion":"luigi-operator.io/v1beta1","kind":"PipelineRun",
             "metadata":{"namespace":"flights","name":"overlay","uid":"u-1"},
             "spec":{"client":"UA"}}
            """));

    assertThatThrownBy(() -> calls().get("writeStatus").accept(kube))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("Too long");
    assertThat(server.requests())
        .as("it looks only when in doubt")
        .extracting(Request::method)
        .containsExactly("PATCH", "GET");
  }

  @Test
  void aLateWriterOfAStatusUndoesNothing() {
    server.answer(r -> runOfVersion("7"));
    RunObject read = kube.run(KEY, Freshness.LIVE).orElseThrow();
    server.answer(
        r ->
            r.method().equals("PATCH")
                ? status(422, "Invalid", "the test failed")
                : runOfVersion("8", "\"Running\""));

    assertThat(kube.writeStatus(read, PipelineRunStatus.builder().build())).isFalse();
    assertThat(server.requests().get(1).body())
        .contains("\"path\":\"/metadata/resourceVersion\",\"value\":\"7\"");

    assertThat(kube.writeStatus(read, PipelineRunStatus.builder().build())).isFalse();
    assertThat(server.requests()).as("known without asking").hasSize(3);

    server.answer(r -> runOfVersion("9", "\"Failed\""));
    RunObject newest = kube.run(KEY, Freshness.CACHED).orElseThrow();
    assertThat(kube.writeStatus(newest, PipelineRunStatus.builder().build())).isTrue();
  }

  private static Answer runOfVersion(String version, String... phase) {
    return new Answer(
        200,
        """
        {"apiVersion":"luigi-operator.io/v1beta1","kind":"PipelineRun",
         "metadata":{"namespace":"flights","name":"overlay","uid":"u-1","resourceVersion":"%s"},
         "spec":{"client":"UA"}%s}
        """
            .formatted(
                version,
                phase.length == 0 ? "" : ",\"status\":{\"phase\":%s}".formatted(phase[0])));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          403 | pods "x" is forbidden: violates PodSecurity "restricted:latest": host namespaces      | true
          403 | pods "x" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1 | false
          403 | pods "x" is forbidden: failed quota: q: must specify limits.memory for: luigi          | true
          403 | pods "x" is forbidden: status unknown for quota: q, resources: pods                    | false
          403 | pods "x" is forbidden: error looking up service account f/x: serviceaccount "x" not found | false
          403 | pods "x" is forbidden: no PriorityClass with name x was found                          | false
          403 | pods "x" is forbidden: pod rejected: RuntimeClass "x" not found                        | false
          403 | pods "x" is forbidden: unable to create new content in namespace f because it is being terminated | false
          403 | pods is forbidden: User "x" cannot create resource "pods" in API group "" in the namespace "f" | false
          403 | pods "x" is forbidden: maximum memory usage per Container is 1Gi, but limit is 2Gi     | true
          404 | namespaces "f" not found                                                               | false
          422 | Pod "x" is invalid: spec.dnsPolicy: Unsupported value: "Sometimes"                     | true
          400 | strict decoding error: unknown field "spec.x"                                          | true
          400 | admission webhook "policy.example.com" denied the request: no latest tags              | true
          """)
  void tellsWhatMayPassFromWhatIsWrong(int code, String words, boolean permanent) {
    always(status(code, "No", words));

    assertThat(kube.dryRun(KEY, GIVEN.run().origin().request()))
        .isEqualTo(new DryRun.Refused(words, permanent));
  }

  @Test
  void aWebhookThatCannotBeAskedInAdvanceSaysNothing() {
    String words = "admission webhook \"w.example.com\" does not support dry run";
    always(status(400, "BadRequest", words));

    assertThat(kube.dryRun(KEY, GIVEN.run().origin().request())).isEqualTo(new DryRun.Allowed());
  }

  @Test
  void anObjectThatAQuotaRefusesMayBeMadeLater() {
    String words = "pipelineruns \"x\" is forbidden: exceeded quota: q, requested: count/x=1";
    always(status(403, "Forbidden", words));

    assertThat(kube.createRun(KEY, GIVEN.object().spec())).isEqualTo(new RunCreation.NotNow(words));
  }

  // ---- what is not for the operator to see

  @ParameterizedTest
  @ValueSource(
      strings = {
        "run",
        "attempt",
        "jobs",
        "pods",
        "namespace",
        "openGate",
        "deletePod",
        "deleteJob",
        "deleteRun",
        "writeStatus"
      })
  void aMissingRightIsNoSilence(String call) {
    always(status(403, "Forbidden", "no such right"));

    assertThatThrownBy(() -> calls().get(call).accept(kube))
        .isInstanceOf(KubeForbidden.class)
        .hasMessageContaining("no such right");
  }

  @Test
  void inADeletedNamespaceThereIsNothingThoughTheRightsWentWithIt() {
    server.answer(
        r ->
            r.path().equals("/api/v1/namespaces/" + KEY.namespace())
                ? status(404, "NotFound", "not found")
                : status(403, "Forbidden", "no such right"));

    assertThat(kube.run(KEY, Freshness.LIVE)).isEmpty();
    assertThat(kube.attempt(GIVEN.attempt(), Freshness.LIVE).live()).isTrue();
    assertThat(kube.attempt(GIVEN.attempt(), Freshness.LIVE).pods()).isEmpty();
  }

  @Test
  void oneNamespaceThatMayNotBeReadHidesNoOther() {
    server.answer(
        r -> r.path().contains("/a/") ? status(403, "Forbidden", "no such right") : list("", "u"));

    assertThat(kube(config, "a", "b").pods()).extracting(PodSeen::uid).containsExactly("u");
    assertThat(kube(config, "a", "b").jobs()).hasSize(1);
  }

  @ParameterizedTest
  @CsvSource({
    "luigi-operator.io/deletions-confirmed, 2026-01-31T11:00:00Z, true",
    "luigi-operator.io/deletions-confirmed, yes, false",
    "example.com/deletions-confirmed, 2026-01-31T11:00:00Z, false",
  })
  void readsWhatAPersonHasConfirmed(String annotation, String value, boolean understood) {
    always(
        ok(
            new NamespaceBuilder()
                .withNewMetadata()
                .withName("n")
                .addToAnnotations(annotation, value)
                .endMetadata()
                .build()));

    assertThat(kube.deletionsConfirmed("n"))
        .isEqualTo(
            understood ? Optional.of(Instant.parse("2026-01-31T11:00:00Z")) : Optional.empty());
  }

  // ---- what is asked

  @Test
  void asksAboutAPodStrictlyAndWithoutMakingIt() {
    always(ok(pod("p", "u-1")));

    kube.dryRun(KEY, GIVEN.run().origin().request());

    Request request = server.requests().getFirst();
    assertThat(request.method()).isEqualTo("POST");
    assertThat(request.path()).isEqualTo("/api/v1/namespaces/flights/pods");
    assertThat(request.query()).contains("dryRun=All").contains("fieldValidation=Strict");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "identity",
        "namespace",
        "crdEstablished",
        "node",
        "run",
        "attempt",
        "jobs",
        "pods"
      })
  void neverAsksForACachedState(String call) {
    server.answer(
        r -> r.path().matches(".*/(pods|jobs)") ? list("") : status(404, "NotFound", "not found"));
    try {
      calls().get(call).accept(kube);
    } catch (KubeUnavailable e) {
      assertThat(e).hasMessageContaining("not");
    }

    assertThat(server.requests())
        .isNotEmpty()
        .allSatisfy(
            request -> {
              assertThat(request.method()).isEqualTo("GET");
              assertThat(request.query()).doesNotContain("resourceVersion");
            });
  }

  @Test
  void opensAGateByOnePatch() throws IOException {
    always(status(404, "NotFound", "not found"));

    assertThat(kube.openGate(POD)).isFalse();

    Request request = server.requests().getFirst();
    assertThat(request.method()).isEqualTo("PATCH");
    assertThat(request.path()).isEqualTo("/api/v1/namespaces/flights/pods/p");
    assertThat(request.contentType()).startsWith("application/json-patch+json");
    assertThat(JSON.readTree(request.body()))
        .isEqualTo(
            JSON.readTree(
                """
                [{"op":"test","path":"/metadata/uid","value":"u-1"},
                 {"op":"test","path":"/spec/schedulingGates/0/name",
                  "value":"luigi-operator.io/launch"},
                 {"op":"remove","path":"/spec/schedulingGates/0"}]
                """));
  }

  @Test
  void looksOnceForAGateThatHasMoved() {
    server.answer(
        r ->
            r.method().equals("PATCH")
                ? status(422, "Invalid", "the test failed")
                : ok(pod("p", "u-1", "example.com/a", Marks.GATE)));

    assertThatThrownBy(() -> kube.openGate(POD)).isInstanceOf(KubeUnavailable.class);
    assertThat(server.requests())
        .extracting(Request::method)
        .containsExactly("PATCH", "GET", "PATCH");
    assertThat(server.requests().getLast().body()).contains("/spec/schedulingGates/1/name");
  }

  @Test
  void saysSoWhenAGateCannotBeOpened() {
    server.answer(
        r ->
            r.method().equals("PATCH")
                ? status(422, "Invalid", "a policy denied the request")
                : ok(pod("p", "u-1", Marks.GATE)));

    assertThatThrownBy(() -> kube.openGate(POD))
        .isInstanceOf(KubeUnavailable.class)
        .hasMessageContaining("a policy denied the request");
  }

  @ParameterizedTest
  @CsvSource({
    "deleteRun, /apis/luigi-operator.io/v1beta1/namespaces/flights/pipelineruns/overlay, u-1",
    "deletePod, /api/v1/namespaces/flights/pods/p, u-1",
    "deleteJob, /apis/batch/v1/namespaces/flights/jobs/overlay-a1, j-1",
  })
  void deletesByUidAndNamesThePropagation(String call, String path, String uid) throws IOException {
    always(new Answer(200, "{}"));

    calls().get(call).accept(kube);

    Request request = server.requests().getFirst();
    assertThat(request.method()).isEqualTo("DELETE");
    assertThat(request.path()).isEqualTo(path);
    assertThat(JSON.readTree(request.body()))
        .isEqualTo(
            JSON.readTree(
                """
                {"apiVersion":"v1","kind":"DeleteOptions","propagationPolicy":"Background",
                 "preconditions":{"uid":"%s"}}
                """
                    .formatted(uid)));
  }

  // ---- whole lists

  @Test
  void readsAListPageByPage() {
    server.answer(r -> continues(r, "next") ? list("", "c") : list("next", "a", "b"));

    assertThat(kube.pods()).extracting(PodSeen::uid).containsExactly("a", "b", "c");
    assertThat(server.requests())
        .allSatisfy(
            r -> {
              assertThat(r.path()).isEqualTo("/api/v1/pods");
              assertThat(r.query())
                  .contains("limit=500")
                  .contains(
                      "labelSelector=app.kubernetes.io/managed-by=luigi-operator"
                          + ",luigi-operator.io/run");
            });
  }

  @Test
  void beginsAListAgainThatExpired() {
    Iterator<Answer> answers =
        List.of(
                list("old", "a", "b"),
                status(410, "Expired", "too old"),
                list("new", "b"),
                list("", "c"))
            .iterator();
    server.answer(r -> answers.next());

    assertThat(kube.pods()).extracting(PodSeen::uid).containsExactly("b", "c");
    assertThat(server.requests())
        .extracting(r -> r.query().replaceAll(".*continue=([a-z]*).*|.*", "$1"))
        .containsExactly("", "old", "", "new");
  }

  @Test
  void neverTakesPartOfAListForTheWhole() {
    server.answer(r -> continues(r, "old") ? status(410, "Expired", "too old") : list("old", "a"));

    assertThatThrownBy(kube::pods)
        .isInstanceOf(KubeUnavailable.class)
        .hasMessageContaining("expired 3 times");
  }

  @Test
  void listsOnlyTheNamespacesItServes() {
    always(list(""));

    kube(config, "a", "b").pods();

    assertThat(server.requests())
        .extracting(Request::path)
        .containsExactly("/api/v1/namespaces/a/pods", "/api/v1/namespaces/b/pods");
  }

  private static boolean continues(Request request, String token) {
    return request.query().contains("continue=" + token);
  }

  private static Answer list(String next, String... uids) {
    return ok(
        new PodListBuilder()
            .withNewMetadata()
            .withContinue(next)
            .endMetadata()
            .withItems(Stream.of(uids).map(u -> pod(u, u)).toList())
            .build());
  }

  private static Pod pod(String name, String uid, String... gates) {
    return new PodBuilder()
        .withNewMetadata()
        .withNamespace("flights")
        .withName(name)
        .withUid(uid)
        .withResourceVersion("1")
        .endMetadata()
        .withNewSpec()
        .withSchedulingGates(Stream.of(gates).map(PodSchedulingGate::new).toList())
        .endSpec()
        .build();
  }

  private void always(Answer answer) {
    server.answer(r -> answer);
  }

  private static Answer ok(Object body) {
    return new Answer(200, Given.KUBERNETES.asJson(body));
  }

  private static Answer status(int code, String reason, String message) {
    return new Answer(
        code,
        Given.KUBERNETES.asJson(
            new StatusBuilder()
                .withStatus("Failure")
                .withCode(code)
                .withReason(reason)
                .withMessage(message)
                .build()));
  }
}
