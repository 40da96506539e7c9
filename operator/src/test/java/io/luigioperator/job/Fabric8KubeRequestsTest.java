/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.api.model.PodListBuilder;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.api.model.batch.v1.JobBuilder;
import io.luigioperator.api.PipelineSchedule;
import io.luigioperator.job.Kube.Freshness;
import io.luigioperator.job.StubApiServer.Request;
import io.luigioperator.job.StubApiServer.Response;
import io.luigioperator.run.ObservedAttempt;
import io.luigioperator.run.ObservedAttempt.ObservedJob;
import io.luigioperator.run.ObservedAttempt.ObservedPod;
import java.io.IOException;
import java.util.Iterator;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The exact requests to the API server. */
class Fabric8KubeRequestsTest {

  private static final ObjectMapper JSON = new ObjectMapper();

  private final StubServerFixture kube = new StubServerFixture();

  Fabric8KubeRequestsTest() throws IOException {}

  @AfterEach
  void close() {
    kube.close();
  }

  // ---- single requests

  @Test
  void dryRunsAPodWithStrictFieldValidation() {
    kube.always(StubServerFixture.ok(StubServerFixture.pod("p", "u-1")));

    kube.kube.dryRun(StubServerFixture.KEY, StubServerFixture.ATTEMPT.run().definition().request());

    Request request = kube.server.requests().getFirst();
    assertThat(request.method()).isEqualTo("POST");
    assertThat(request.path()).isEqualTo("/api/v1/namespaces/flights/pods");
    assertThat(request.query()).contains("dryRun=All").contains("fieldValidation=Strict");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"identity", "namespace", "crdEstablished", "node", "run", "attempt", "activePods"})
  void neverReadsFromTheWatchCache(String call) {
    kube.server.respondWith(
        r ->
            r.path().matches(".*/(pods|jobs)")
                ? StubServerFixture.list("")
                : StubServerFixture.status(404, "NotFound", "not found"));
    try {
      StubServerFixture.calls().get(call).accept(kube.kube);
    } catch (KubeUnavailable e) {
      assertThat(e).hasMessageContaining("not");
    }

    assertThat(kube.server.requests())
        .isNotEmpty()
        .allSatisfy(
            request -> {
              assertThat(request.method()).isEqualTo("GET");
              assertThat(request.query()).doesNotContain("resourceVersion");
            });
  }

  /** The cache does not keep it; another one may have the same name and generation. */
  @Test
  void readsALargeScheduleOnceForEachEvent() {
    kube.server.respondWith(r -> new Response(200, schedule("u-9", 9)));
    for (long version : List.of(1, 2)) {
      PipelineSchedule seen =
          new ApiSerialization()
              .unmarshal(schedule("u-" + version, version), PipelineSchedule.class);
      kube.kube.pipelineResources().update(seen);
      for (int i = 0; i < 3; i++) {
        assertThat(kube.kube.schedule("flights", "s").orElseThrow().spec().clients()).hasSize(1);
      }
      assertThat(kube.server.requests()).hasSize((int) version);
    }
  }

  private static String schedule(String uid, long version) {
    return """
        {"apiVersion":"luigi-operator.io/v1beta1","kind":"PipelineSchedule",
         "metadata":{"namespace":"flights","name":"s","uid":"%s","generation":1,
           "resourceVersion":"%d"},
         "spec":{"pipeline":{"image":"%s","task":{"module":"m","family":"F"}},
           "clients":[{"id":"acme"}]}}
        """
        .formatted(uid, version, "i".repeat(ClusterView.KEPT_SCHEDULE));
  }

  @Test
  void opensAGateWithOnePatch() throws IOException {
    kube.always(StubServerFixture.status(404, "NotFound", "not found"));

    assertThat(kube.kube.openGate(StubServerFixture.POD)).isFalse();

    Request request = kube.server.requests().getFirst();
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
                 {"op":"remove","path":"/spec/schedulingGates/0"},
                 {"op":"add","path":"/metadata/annotations/luigi-operator.io~1gate-opened",
                  "value":"2026-01-31T12:00:00Z"}]
                """));
  }

  @Test
  void readsTheIndexOfTheGateOnce() {
    kube.server.respondWith(
        r ->
            r.method().equals("PATCH")
                ? StubServerFixture.status(422, "Invalid", "the test failed")
                : StubServerFixture.ok(
                    StubServerFixture.pod("p", "u-1", "example.com/a", SchedulingGate.NAME)));

    assertThatThrownBy(() -> kube.kube.openGate(StubServerFixture.POD))
        .isInstanceOf(KubeRefused.class);
    assertThat(kube.server.requests())
        .extracting(Request::method)
        .containsExactly("PATCH", "GET", "PATCH");
    assertThat(kube.server.requests().getLast().body()).contains("/spec/schedulingGates/1/name");
  }

  /** No watch shows it, so that the cache would otherwise never know it. */
  @Test
  void remembersAJobWhoseLabelsWereChanged() {
    kube.server.respondWith(
        r ->
            r.method().equals("POST")
                ? StubServerFixture.status(409, "AlreadyExists", "it already exists")
                : StubServerFixture.ok(job()));

    StubServerFixture.calls().get("createJob").accept(kube.kube);
    ObservedJob cached =
        kube.kube
            .attempt(StubServerFixture.ATTEMPT.attempt(), Freshness.CACHED)
            .job()
            .orElseThrow();
    assertThat(cached.uid()).isEqualTo("j-1");

    kube.kube.deleteJob(cached);
    assertThat(kube.kube.cachedJobs()).isEmpty();
  }

  @Test
  void findsThePodOfAClaimByItsOwnerIfItsLabelsAreGone() {
    Pod relabelled =
        new PodBuilder(StubServerFixture.pod("p", "u-1", SchedulingGate.NAME))
            .editMetadata()
            .addToAnnotations(Annotations.TOKEN, StubServerFixture.ATTEMPT.attempt().token())
            .addNewOwnerReference()
            .withKind("Job")
            .withUid("j-1")
            .withController(true)
            .endOwnerReference()
            .endMetadata()
            .build();
    Pod foreign = StubServerFixture.pod("foreign", "u-2");
    kube.server.respondWith(
        r ->
            r.path().contains("/jobs/")
                ? StubServerFixture.ok(job())
                : r.query().contains("controller-uid=j-1")
                    ? StubServerFixture.ok(
                        new PodListBuilder()
                            .withNewMetadata()
                            .endMetadata()
                            .withItems(relabelled, foreign)
                            .build())
                    : StubServerFixture.list(""));

    ObservedAttempt found = kube.kube.attempt(StubServerFixture.ATTEMPT.attempt(), Freshness.LIVE);

    assertThat(found.pods()).extracting(ObservedPod::uid).containsExactly("u-1");
    assertThat(found.pods().getFirst().labelled()).isFalse();
  }

  private static Job job() {
    return new JobBuilder()
        .withNewMetadata()
        .withNamespace(StubServerFixture.KEY.namespace())
        .withName(StubServerFixture.ATTEMPT.attempt().jobName())
        .withUid("j-1")
        .withResourceVersion("1")
        .addToAnnotations(Annotations.TOKEN, StubServerFixture.ATTEMPT.attempt().token())
        .endMetadata()
        .build();
  }

  @Test
  void reportsAGateThatCannotBeOpened() {
    kube.server.respondWith(
        r ->
            r.method().equals("PATCH")
                ? StubServerFixture.status(422, "Invalid", "a policy denied the request")
                : StubServerFixture.ok(StubServerFixture.pod("p", "u-1", SchedulingGate.NAME)));

    assertThatThrownBy(() -> kube.kube.openGate(StubServerFixture.POD))
        .isInstanceOf(KubeRefused.class)
        .hasMessageContaining("a policy denied the request");
  }

  @ParameterizedTest
  @CsvSource({
    "deleteRun, /apis/luigi-operator.io/v1beta1/namespaces/flights/pipelineruns/overlay, u-1",
    "deletePod, /api/v1/namespaces/flights/pods/p, u-1",
    "deleteJob, /apis/batch/v1/namespaces/flights/jobs/overlay-a1, j-1",
  })
  void deletesByUidWithBackgroundPropagation(String call, String path, String uid)
      throws IOException {
    kube.always(new Response(200, "{}"));

    StubServerFixture.calls().get(call).accept(kube.kube);

    Request request = kube.server.requests().getFirst();
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

  // ---- lists

  @Test
  void readsAListInPages() {
    kube.server.respondWith(
        r ->
            continues(r, "next")
                ? StubServerFixture.list("", "c")
                : StubServerFixture.list("next", "a", "b"));

    assertThat(kube.kube.activePods()).extracting(ObservedPod::uid).containsExactly("a", "b", "c");
    assertThat(kube.server.requests())
        .allSatisfy(
            r -> {
              assertThat(r.path()).isEqualTo("/api/v1/pods");
              assertThat(r.query())
                  .contains("limit=" + PagedList.PAGE)
                  .contains(
                      "labelSelector=app.kubernetes.io/managed-by=luigi-operator"
                          + ",luigi-operator.io/run")
                  .contains("fieldSelector=status.phase!=Succeeded,status.phase!=Failed");
            });
  }

  @Test
  void restartsAnExpiredList() {
    Iterator<Response> responses =
        List.of(
                StubServerFixture.list("old", "a", "b"),
                StubServerFixture.status(410, "Expired", "too old"),
                StubServerFixture.list("new", "b"),
                StubServerFixture.list("", "c"))
            .iterator();
    kube.server.respondWith(r -> responses.next());

    assertThat(kube.kube.activePods()).extracting(ObservedPod::uid).containsExactly("b", "c");
    assertThat(kube.server.requests())
        .extracting(r -> r.query().replaceAll(".*continue=([a-z]*).*|.*", "$1"))
        .containsExactly("", "old", "", "new");
  }

  @Test
  void neverReturnsAPartOfAList() {
    kube.server.respondWith(
        r ->
            continues(r, "old")
                ? StubServerFixture.status(410, "Expired", "too old")
                : StubServerFixture.list("old", "a"));

    assertThatThrownBy(kube.kube::activePods)
        .isInstanceOf(KubeUnavailable.class)
        .hasMessageContaining("expired 3 times");
  }

  @Test
  void listsOnlyTheWatchedNamespaces() {
    kube.always(StubServerFixture.list(""));

    kube.kube(kube.config, "a", "b").activePods();

    assertThat(kube.server.requests())
        .extracting(Request::path)
        .containsExactly("/api/v1/namespaces/a/pods", "/api/v1/namespaces/b/pods");
  }

  private static boolean continues(Request request, String token) {
    return request.query().contains("continue=" + token);
  }
}
