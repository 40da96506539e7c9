/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.luigioperator.api.PipelineRunStatus;
import io.luigioperator.job.Kube.DryRunResult;
import io.luigioperator.job.Kube.Freshness;
import io.luigioperator.job.Kube.JobCreation;
import io.luigioperator.job.Kube.RunCreation;
import io.luigioperator.job.StubApiServer.Request;
import io.luigioperator.job.StubApiServer.Response;
import io.luigioperator.run.ObservedAttempt.ObservedPod;
import io.luigioperator.run.RunObject;
import java.io.IOException;
import java.time.Instant;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.slf4j.LoggerFactory;

/** How errors of the API server are handled. */
class Fabric8KubeErrorsTest {

  private final StubServerFixture kube = new StubServerFixture();

  Fabric8KubeErrorsTest() throws IOException {}

  @AfterEach
  void close() {
    kube.close();
  }

  static Stream<Arguments> unavailableResponses() {
    return StubServerFixture.calls().entrySet().stream()
        .flatMap(
            c ->
                Stream.of(401, 408, 429, 500, 502, 503, 504)
                    .map(code -> Arguments.of(c.getKey(), code)));
  }

  // ---- unavailable

  @ParameterizedTest
  @MethodSource("unavailableResponses")
  void isUnavailableIfTheServerCannotServeTheRequest(String call, int code) {
    kube.always(StubServerFixture.status(code, "Busy", "try again later"));

    assertThatThrownBy(() -> StubServerFixture.calls().get(call).accept(kube.kube))
        .isInstanceOf(KubeUnavailable.class)
        .hasMessageContaining(code + ": try again later");
    assertThat(kube.server.requests()).as("no retry inside the client").hasSize(1);
  }

  @ParameterizedTest
  @MethodSource("callNames")
  void isUnavailableIfNothingListens(String call) {
    kube.server.close();

    assertThatThrownBy(() -> StubServerFixture.calls().get(call).accept(kube.kube))
        .isInstanceOf(KubeUnavailable.class)
        .hasMessageContaining("no response");
  }

  @ParameterizedTest
  @MethodSource("callNames")
  void isUnavailableAfterATimeout(String call) {
    Fabric8Kube impatient =
        kube.kube(new ConfigBuilder(kube.config).withRequestTimeout(50).build());
    kube.server.doNotRespond();

    assertThatThrownBy(() -> StubServerFixture.calls().get(call).accept(impatient))
        .isInstanceOf(KubeUnavailable.class);
  }

  static Stream<String> callNames() {
    return StubServerFixture.calls().keySet().stream();
  }

  @Test
  void everyRequestHasATimeout() {
    assertThat(kube.config.getRequestTimeout()).isEqualTo(15_000);
    assertThat(kube.config.getConnectionTimeout()).isEqualTo(5_000);
    assertThat(kube.config.getRequestRetryBackoffLimit()).isZero();
    assertThat(kube.config.getMasterUrl()).isEqualTo(kube.server.url());
  }

  // ---- refusals

  @ParameterizedTest
  @ValueSource(ints = {400, 403, 404, 422})
  void passesOnTheMessageOfTheServer(int code) {
    kube.always(StubServerFixture.status(code, "No", "because"));

    assertThat(
            kube.kube.createJob(
                StubServerFixture.ATTEMPT.run(),
                StubServerFixture.ATTEMPT.attempt(),
                StubServerFixture.ATTEMPT.object()))
        .isEqualTo(new JobCreation.Refused("because"));
    assertThat(
            kube.kube.createRun(StubServerFixture.KEY, StubServerFixture.ATTEMPT.object().spec()))
        .isEqualTo(
            code == 404
                ? new RunCreation.NotNow("because") // the namespace does not exist
                : new RunCreation.Refused("because"));
  }

  /** The API server works, and only requests that need what the message names fail. */
  @ParameterizedTest
  @MethodSource("attributedFailures")
  void aFailureThatNamesItsCauseIsATemporaryRefusal(int code, String message) {
    kube.always(StubServerFixture.status(code, "InternalError", message));

    assertThat(
            kube.kube.createJob(
                StubServerFixture.ATTEMPT.run(),
                StubServerFixture.ATTEMPT.attempt(),
                StubServerFixture.ATTEMPT.object()))
        .isEqualTo(new JobCreation.Refused(message));
    assertThat(
            kube.kube.createRun(StubServerFixture.KEY, StubServerFixture.ATTEMPT.object().spec()))
        .isEqualTo(new RunCreation.NotNow(message));
    assertThat(
            kube.kube.dryRun(
                StubServerFixture.KEY, StubServerFixture.ATTEMPT.run().definition().request()))
        .isEqualTo(new DryRunResult.Refused(message, false));
  }

  static Stream<Arguments> attributedFailures() {
    return Stream.of(
        Arguments.of(
            500,
            "Internal error occurred: failed calling webhook \"w.example.com\": failed to call"
                + " webhook: connection refused"),
        Arguments.of(503, "admission webhook \"w.example.com\" denied the request: no database"),
        Arguments.of(
            500, "conversion webhook for luigi-operator.io/v1beta1, Kind=PipelineRun failed: EOF"),
        Arguments.of(500, "Internal error occurred: resource quota evaluation timed out"),
        Arguments.of(
            500,
            "Internal error occurred: remove operation does not apply: doc is missing path:"
                + " \"/spec/x\": missing value"),
        Arguments.of(
            500,
            "Internal error occurred: json: cannot unmarshal string into Go struct field"
                + " PodSpec.spec.containers of type []v1.Container"),
        Arguments.of(
            500, "Internal error occurred: invalid character 'x' looking for beginning of value"),
        Arguments.of(500, "Internal error occurred: namespaces \"flights\" is broken"));
  }

  static Stream<Arguments> refusedCalls() {
    return attributedFailures()
        .map(failure -> failure.get()[1])
        .flatMap(
            message ->
                Stream.of("openGate", "deletePod", "deleteJob", "deleteRun", "writeStatus", "run")
                    .map(call -> Arguments.of(call, message)));
  }

  /** Also for changes and deletions such a failure says nothing about the API server. */
  @ParameterizedTest
  @MethodSource("refusedCalls")
  void aFailureThatNamesItsCauseBelongsToTheObject(String call, String message) {
    kube.always(StubServerFixture.status(500, "InternalError", message));

    assertThatThrownBy(() -> StubServerFixture.calls().get(call).accept(kube.kube))
        .isInstanceOf(KubeRefused.class)
        .hasMessageContaining(message);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "etcdserver: request timed out",
        "Timeout: request did not complete within requested timeout - context deadline exceeded",
        "rpc error: code = Unavailable desc = transport is closing",
        "the server is currently unable to handle the request",
        "Internal error occurred: Post \"https://kms.example.com\": context deadline exceeded"
      })
  void aFailureThatNamesNothingIsThatOfTheServer(String message) {
    kube.always(StubServerFixture.status(500, "InternalError", message));

    assertThatThrownBy(() -> StubServerFixture.calls().get("openGate").accept(kube.kube))
        .isInstanceOf(KubeUnavailable.class);
  }

  @ParameterizedTest
  @ValueSource(strings = {"createJob", "createRun", "dryRun"})
  void aConflictBelongsToTheObject(String call) {
    kube.always(
        StubServerFixture.status(
            409, "Conflict", "Operation cannot be fulfilled on resourcequotas"));

    assertThatThrownBy(() -> StubServerFixture.calls().get(call).accept(kube.kube))
        .isInstanceOf(KubeRefused.class);
  }

  @ParameterizedTest
  @ValueSource(strings = {"createJob", "createRun"})
  void isRefusedIfAnExistingObjectIsNotFound(String call) {
    kube.server.respondWith(
        r ->
            r.method().equals("POST")
                ? StubServerFixture.status(409, "AlreadyExists", "it already exists")
                : StubServerFixture.status(404, "NotFound", "not found"));

    assertThatThrownBy(() -> StubServerFixture.calls().get(call).accept(kube.kube))
        .isInstanceOf(KubeRefused.class)
        .hasMessageContaining("already exists");
  }

  @ParameterizedTest
  @ValueSource(strings = {"deleteRun", "deletePod", "deleteJob", "writeStatus"})
  void anObjectThatIsGoneIsNoError(String call) {
    kube.always(StubServerFixture.status(404, "NotFound", "not found"));

    StubServerFixture.calls().get(call).accept(kube.kube);
  }

  @Test
  void anInvalidStatusIsAnErrorOfTheOperator() {
    kube.server.respondWith(
        r ->
            r.method().equals("PATCH")
                ? StubServerFixture.status(422, "Invalid", "status.reason: Too long")
                : new Response(
                    200,
                    """
            {"apiVersion":"luigi-operator.io/v1beta1","kind":"PipelineRun",
             "metadata":{"namespace":"flights","name":"overlay","uid":"u-1"},
             "spec":{"client":"UA"}}
            """));

    assertThatThrownBy(() -> StubServerFixture.calls().get("writeStatus").accept(kube.kube))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("Too long");
    assertThat(kube.server.requests())
        .as("reads only after a refusal")
        .extracting(Request::method)
        .containsExactly("PATCH", "GET");
  }

  @Test
  void aDelayedStatusDoesNotOverwriteANewerOne() {
    kube.server.respondWith(r -> runOfVersion("7"));
    RunObject read = kube.kube.run(StubServerFixture.KEY, Freshness.LIVE).orElseThrow();
    kube.server.respondWith(
        r ->
            r.method().equals("PATCH")
                ? StubServerFixture.status(422, "Invalid", "the test failed")
                : runOfVersion("8", "\"Running\""));

    assertThat(kube.kube.writeStatus(read, PipelineRunStatus.builder().build())).isFalse();
    assertThat(kube.server.requests().get(1).body())
        .contains("\"path\":\"/metadata/resourceVersion\",\"value\":\"7\"");

    assertThat(kube.kube.writeStatus(read, PipelineRunStatus.builder().build())).isFalse();
    assertThat(kube.server.requests()).as("known from the cache").hasSize(3);

    kube.server.respondWith(r -> runOfVersion("9", "\"Failed\""));
    RunObject newest = kube.kube.run(StubServerFixture.KEY, Freshness.CACHED).orElseThrow();
    assertThat(kube.kube.writeStatus(newest, PipelineRunStatus.builder().build())).isTrue();
  }

  private static Response runOfVersion(String version, String... phase) {
    return new Response(
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
          403 | pods "x" is forbidden: failed quota: q: must specify limits.memory for: luigi          | false
          403 | pods "x" is forbidden: status unknown for quota: q, resources: pods                    | false
          403 | pods "x" is forbidden: error looking up service account f/x: serviceaccount "x" not found | false
          403 | pods "x" is forbidden: no PriorityClass with name x was found                          | false
          403 | pods "x" is forbidden: pod rejected: RuntimeClass "x" not found                        | false
          403 | pods "x" is forbidden: unable to create new content in namespace f because it is being terminated | false
          403 | pods is forbidden: User "x" cannot create resource "pods" in API group "" in the namespace "f" | false
          403 | pods "x" is forbidden: maximum memory usage per Container is 1Gi, but limit is 2Gi     | false
          403 | pods "x" is forbidden: [minimum cpu usage per Container is 100m, but request is 50m, maximum cpu usage per Pod is 1, but limit is 2] | false
          403 | pods "x" is forbidden: memory max limit to request ratio per Container is 2, but provided ratio is 4.0 | false
          403 | pods "x" is forbidden: pod node label selector conflicts with its namespace node label selector | false
          404 | namespaces "f" not found                                                               | false
          422 | Pod "x" is invalid: spec.dnsPolicy: Unsupported value: "Sometimes"                     | true
          400 | strict decoding error: unknown field "spec.x"                                          | true
          400 | admission webhook "policy.example.com" denied the request: no latest tags              | true
          """)
  void distinguishesTemporaryFromPermanentRefusals(int code, String message, boolean permanent) {
    kube.always(StubServerFixture.status(code, "No", message));

    assertThat(
            kube.kube.dryRun(
                StubServerFixture.KEY, StubServerFixture.ATTEMPT.run().definition().request()))
        .isEqualTo(new DryRunResult.Refused(message, permanent));
  }

  @Test
  void aWebhookWithoutDryRunIsNoRefusal() {
    String message = "admission webhook \"w.example.com\" does not support dry run";
    kube.always(StubServerFixture.status(400, "BadRequest", message));

    assertThat(
            kube.kube.dryRun(
                StubServerFixture.KEY, StubServerFixture.ATTEMPT.run().definition().request()))
        .isEqualTo(new DryRunResult.Allowed());
  }

  @Test
  void aQuotaRefusesAnObjectTemporarily() {
    String message = "pipelineruns \"x\" is forbidden: exceeded quota: q, requested: count/x=1";
    kube.always(StubServerFixture.status(403, "Forbidden", message));

    assertThat(
            kube.kube.createRun(StubServerFixture.KEY, StubServerFixture.ATTEMPT.object().spec()))
        .isEqualTo(new RunCreation.NotNow(message));
  }

  // ---- missing permissions

  @ParameterizedTest
  @ValueSource(
      strings = {
        "run",
        "attempt",
        "activePods",
        "namespace",
        "openGate",
        "deletePod",
        "deleteJob",
        "deleteRun",
        "writeStatus"
      })
  void aMissingPermissionIsForbidden(String call) {
    kube.always(StubServerFixture.status(403, "Forbidden", "no permission"));

    assertThatThrownBy(() -> StubServerFixture.calls().get(call).accept(kube.kube))
        .isInstanceOf(KubeForbidden.class)
        .hasMessageContaining("no permission");
  }

  @Test
  void aDeletedNamespaceIsEmptyAlthoughItsRoleBindingsAreGone() {
    kube.server.respondWith(
        r ->
            r.path().equals("/api/v1/namespaces/" + StubServerFixture.KEY.namespace())
                ? StubServerFixture.status(404, "NotFound", "not found")
                : StubServerFixture.status(403, "Forbidden", "no permission"));

    assertThat(kube.kube.run(StubServerFixture.KEY, Freshness.LIVE)).isEmpty();
    assertThat(kube.kube.attempt(StubServerFixture.ATTEMPT.attempt(), Freshness.LIVE).live())
        .isTrue();
    assertThat(kube.kube.attempt(StubServerFixture.ATTEMPT.attempt(), Freshness.LIVE).pods())
        .isEmpty();
  }

  @Test
  void aForbiddenNamespaceDoesNotHideOthers() {
    kube.server.respondWith(
        r ->
            r.path().contains("/a/")
                ? StubServerFixture.status(403, "Forbidden", "no permission")
                : StubServerFixture.list("", "u"));

    assertThat(kube.kube(kube.config, "a", "b").activePods())
        .extracting(ObservedPod::uid)
        .containsExactly("u");
  }

  @ParameterizedTest
  @CsvSource({
    "luigi-operator.io/deletions-confirmed, 2026-01-31T11:00:00Z, true",
    "luigi-operator.io/deletions-confirmed, yes, false",
    "example.com/deletions-confirmed, 2026-01-31T11:00:00Z, false",
  })
  void readsTheConfirmationOfDeletions(String annotation, String value, boolean valid) {
    kube.always(
        StubServerFixture.ok(
            new NamespaceBuilder()
                .withNewMetadata()
                .withName("n")
                .addToAnnotations(annotation, value)
                .endMetadata()
                .build()));

    assertThat(kube.kube.deletionsConfirmed("n"))
        .isEqualTo(valid ? Optional.of(Instant.parse("2026-01-31T11:00:00Z")) : Optional.empty());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "a@2026-01-31T11:00:00Z                               | a",
        "a@2026-01-31T11:00:00Z , b@2026-01-31T11:00:00Z, | a,b",
        "a,@2026-01-31T11:00:00Z,b@,c@yes,d@2026-01-31T11:00:00Z | d",
      })
  void readsRetiredNamespacesAndIgnoresWhatIsNoEntry(String value, String namespaces) {
    kube.always(
        StubServerFixture.ok(
            new NamespaceBuilder()
                .withNewMetadata()
                .withName("n")
                .addToAnnotations(Annotations.RETIRED_NAMESPACES, value)
                .endMetadata()
                .build()));

    assertThat(kube.kube.retiredNamespaces("n"))
        .containsOnlyKeys(namespaces.split(","))
        .allSatisfy((name, time) -> assertThat(time).isEqualTo("2026-01-31T11:00:00Z"));
  }

  @Test
  void readsAnObjectWithUnknownValuesInItsStatusAndLogsThem() {
    ListAppender<ILoggingEvent> logged = new ListAppender<>();
    Logger logger = (Logger) LoggerFactory.getLogger("io.luigioperator.api");
    logged.start();
    logger.addAppender(logged);
    try {
      kube.always(
          new Response(
              200,
              """
              {"apiVersion": "luigi-operator.io/v1beta1", "kind": "PipelineRun",
               "metadata": {"namespace": "flights", "name": "overlay", "uid": "u-1"},
               "spec": {"client": "UA"},
               "status": {"phase": "Paused", "reason": "Held"}}
              """));

      RunObject read = kube.kube.run(StubServerFixture.KEY, Freshness.LIVE).orElseThrow();

      assertThat(read.status()).contains(PipelineRunStatus.builder().reason("Held").build());
      assertThat(logged.list)
          .extracting(e -> String.valueOf(e.getKeyValuePairs()))
          .singleElement()
          .asString()
          .contains("PipelineRun flights/overlay", "/phase", "Paused");
    } finally {
      logger.detachAppender(logged);
    }
  }
}
