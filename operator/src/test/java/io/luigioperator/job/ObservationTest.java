/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.NullNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import com.networknt.schema.JsonSchema;
import com.networknt.schema.JsonSchemaFactory;
import com.networknt.schema.SpecVersion;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.api.model.batch.v1.JobSpecBuilder;
import io.fabric8.kubernetes.api.model.batch.v1.JobStatusBuilder;
import io.luigioperator.run.EndCause;
import io.luigioperator.run.EndCause.Treatment;
import io.luigioperator.run.Ending;
import io.luigioperator.run.FailureCause;
import io.luigioperator.run.ObservedAttempt.ObservedJob;
import io.luigioperator.run.ObservedAttempt.ObservedPod;
import io.luigioperator.run.ObservedAttempt.StartFailure;
import io.luigioperator.run.Verdict;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

class ObservationTest {

  private static final Path CASES = Path.of("src/test/resources/job/observation/pods.yaml");
  private static final Path MESSAGES = Path.of("../luigi-image/tests/golden");
  private static final ObjectMapper YAML = new YAMLMapper();
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String TOKEN = "c0ffee00-1d2e-4f3a-8b4c-5d6e7f809102";

  record Case(String name, Pod pod, JsonNode expected) {
    @Override
    public String toString() {
      return name;
    }
  }

  static Stream<Case> cases() throws IOException {
    List<JsonNode> documents = new ArrayList<>();
    YAML.readerFor(JsonNode.class)
        .<JsonNode>readValues(new YAMLFactory().createParser(CASES.toFile()))
        .forEachRemaining(documents::add);
    JsonNode base = documents.removeFirst().get("base");
    return documents.stream()
        .map(
            d ->
                new Case(
                    d.get("name").asText(),
                    JSON.convertValue(merged(base, withMessages(d.get("pod"))), Pod.class),
                    withMessages(d.get("expected"))));
  }

  @ParameterizedTest
  @MethodSource("cases")
  void readsThePod(Case c) {
    assertThat(observed(Observation.pod(c.pod()))).isEqualTo(expected(c.expected()));
  }

  /** The last state in a deletion event is the same evidence as before, or none. */
  @ParameterizedTest
  @MethodSource("cases")
  void readsTheDeletedPod(Case c) {
    ObservedPod present = Observation.pod(c.pod());
    ObservedPod gone = Observation.gone(c.pod());

    assertThat(gone.gone()).isTrue();
    assertThat(gone.terminating()).isTrue();
    if (present.terminal() && present.node().isPresent()) {
      assertThat(gone.ending().isPresent()).isEqualTo(present.ending().isPresent());
    } else {
      assertThat(gone.ending().isPresent())
          .as("clean only if it was never scheduled")
          .isEqualTo(present.node().isEmpty());
    }
  }

  @Test
  void theCasesCoverEveryCauseOfAPod() throws IOException {
    List<String> causes = cases().map(c -> c.expected().path("cause").asText()).toList();
    List<String> startFailures =
        cases().map(c -> c.expected().path("startFailure").asText()).toList();

    for (FailureCause cause : FailureCause.values()) {
      switch (cause) {
        case NODE_LOST, CLUSTER_RETIRED -> {} // decided without a pod
        case IMAGE_PULL, START_TIMEOUT, IMAGE_USER_NOT_NUMERIC ->
            assertThat(startFailures).contains(cause.reason());
        default -> assertThat(causes).contains(cause.reason());
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Verdict.class)
  void acceptsAVerdictOnlyWithExitCodeAndFinalMessage(Verdict verdict) throws IOException {
    String message = finalMessage(verdict, TOKEN);

    Ending ending = ending(verdict.exitCode(), message);
    assertThat(ending.cause())
        .isEqualTo(verdict == Verdict.DRAINED ? FailureCause.TERMINATED : verdict);
    assertThat(ending.message()).isNotBlank();
    assertThat(ending.exitCode()).hasValue(verdict.exitCode());

    assertThat(ending(verdict.exitCode() + 1, message).cause())
        .as("another exit code")
        .isInstanceOf(FailureCause.class);
    assertThat(ending(verdict.exitCode(), finalMessage(verdict, "another")).cause())
        .as("another attempt's message")
        .isInstanceOf(FailureCause.class);
    assertThat(
            ending(verdict.exitCode(), message.replace("\"final\":true", "\"final\":false"))
                .cause())
        .as("a message that is not final")
        .isInstanceOf(FailureCause.class);
    assertThat(ending(verdict.exitCode(), message.replace("\"v\":1", "\"v\":2")).cause())
        .as("a message of another version")
        .isInstanceOf(FailureCause.class);
  }

  /**
   * The runner chooses its exit code; only a success and a Range with more to do need a message.
   */
  @ParameterizedTest
  @EnumSource(Verdict.class)
  void concludesFromTheExitCodeWithoutAMessage(Verdict verdict) throws IOException {
    EndCause expected =
        switch (verdict) {
          case SUCCEEDED -> FailureCause.NO_VERDICT;
          case DRAINED -> FailureCause.TERMINATED;
          case RANGE_CUT -> Verdict.UNVERIFIED;
          default -> verdict;
        };

    assertThat(ending(verdict.exitCode(), "").cause()).isEqualTo(expected);
    assertThat(ending(verdict.exitCode(), "{\"v\":1,\"fin").cause()).isEqualTo(expected);
  }

  /** The kubelet may cut the message anywhere after its first 300 bytes. */
  @ParameterizedTest
  @EnumSource(value = Verdict.class, mode = EnumSource.Mode.EXCLUDE, names = "DRAINED")
  void keepsTheVerdictOfEveryPrefix(Verdict verdict) throws IOException {
    String message = essentialFirst(finalMessage(verdict, TOKEN));
    Pod pod = killedPod();
    for (int length = 300; length <= message.length(); length++) {
      Ending ending = ending(pod, verdict.exitCode(), message.substring(0, length));

      assertThat(ending.cause()).as("of %d bytes", length).isEqualTo(verdict);
      assertThat(JSON.readTree(ending.terminationMessage()).isObject()).isTrue();
    }
    for (int length = 0; length < 300; length++) {
      EndCause cause = ending(pod, verdict.exitCode(), message.substring(0, length)).cause();

      assertThat(cause)
          .as("of %d bytes", length)
          .isIn(
              verdict, verdict == Verdict.SUCCEEDED ? FailureCause.NO_VERDICT : Verdict.UNVERIFIED);
    }
  }

  private static String essentialFirst(String message) throws IOException {
    ObjectNode fields = (ObjectNode) JSON.readTree(message);
    ObjectNode ordered = JSON.createObjectNode();
    for (String name : List.of("v", "final", "verdict", "exit", "retry", "tok")) {
      ordered.set(name, fields.get(name));
    }
    fields.properties().forEach(e -> ordered.putIfAbsent(e.getKey(), e.getValue()));
    return ordered.toString();
  }

  @Test
  void theSchemaHasTheSameVerdicts() throws IOException {
    JsonSchema schema =
        JsonSchemaFactory.getInstance(SpecVersion.VersionFlag.V202012)
            .getSchema(Files.readString(MESSAGES.resolve("../../termination.schema.json")));

    for (Verdict verdict : Verdict.values()) {
      assertThat(schema.validate(JSON.readTree(finalMessage(verdict, TOKEN)))).isEmpty();
    }
    assertThat(schema.getSchemaNode().at("/properties/exit/enum").size() - 1)
        .as("exit codes of the schema, without null")
        .isEqualTo((int) Arrays.stream(Verdict.values()).map(Verdict::exitCode).distinct().count());
  }

  @Test
  void boundsTheMessage() throws IOException {
    ObjectNode message = (ObjectNode) JSON.readTree(finalMessage(Verdict.TASK_FAILED, TOKEN));
    ((ObjectNode) message.get("fail")).put("msg", "x".repeat(2000));
    assertThat(ending(30, message.toString()).message()).hasSize(1024).endsWith("…");

    message.put("luigi", "y".repeat(5000));
    assertThat(ending(30, message.toString()).terminationMessage())
        .as("longer than a kubelet keeps")
        .isEmpty();
  }

  @Test
  void readsAJob() {
    Job job =
        AttemptFixture.KUBERNETES.unmarshal(
            """
            apiVersion: batch/v1
            kind: Job
            metadata:
              namespace: flights
              name: ua-20130115-a1
              uid: job-uid
              creationTimestamp: "2026-01-31T12:00:00Z"
              annotations: {luigi-operator.io/token: t-1}
            """,
            Job.class);

    assertThat(Observation.job(job))
        .isEqualTo(
            new ObservedJob(
                "flights",
                "ua-20130115-a1",
                "job-uid",
                "t-1",
                Instant.parse("2026-01-31T12:00:00Z"),
                false,
                0,
                false));

    job.setStatus(
        new JobStatusBuilder()
            .addNewCondition()
            .withType("Failed")
            .withStatus("True")
            .endCondition()
            .build());
    assertThat(Observation.job(job).ended()).isTrue();

    job.setSpec(new JobSpecBuilder().withSuspend(true).build());
    assertThat(Observation.job(job).suspended()).isTrue();
  }

  private static Ending ending(int exitCode, String message) throws IOException {
    return ending(killedPod(), exitCode, message);
  }

  private static Pod killedPod() throws IOException {
    return cases().filter(c -> c.name().equals("killed without a message")).findFirst().get().pod();
  }

  /** Of the pod with this exit code and message, which are set in it. */
  private static Ending ending(Pod pod, int exitCode, String message) {
    var terminated = pod.getStatus().getContainerStatuses().getFirst().getState().getTerminated();
    terminated.setExitCode(exitCode);
    terminated.setMessage(message);
    return Observation.pod(pod).ending().orElseThrow();
  }

  private static String finalMessage(Verdict verdict, String token) throws IOException {
    ObjectNode message =
        (ObjectNode) JSON.readTree(Files.readString(MESSAGES.resolve("termination.json")));
    boolean retry =
        EnumSet.complementOf(EnumSet.of(Treatment.DONE, Treatment.STOP))
            .contains(verdict.treatment());
    message
        .put("verdict", verdict.reason())
        .put("exit", verdict.exitCode())
        .put("retry", retry)
        .put("tok", token);
    return message.toString();
  }

  private static Map<String, String> observed(ObservedPod p) {
    Map<String, String> all = new TreeMap<>();
    all.put("token", p.token());
    all.put("job", p.jobUid());
    all.put("gated", Boolean.toString(p.gated()));
    all.put("terminating", Boolean.toString(p.terminating()));
    all.put("gone", Boolean.toString(p.gone()));
    all.put("terminal", Boolean.toString(p.terminal()));
    all.put("labelled", Boolean.toString(p.labelled()));
    p.openedAt().ifPresent(t -> all.put("openedAt", t.toString()));
    if (p.startFailure().isEmpty()) {
      p.waitsFor().ifPresent(w -> all.put("waitsFor", w));
    }
    p.leftover()
        .ifPresent(
            l -> all.put("leftover", String.join(",", l.containers()) + " since " + l.since()));
    p.defect().ifPresent(d -> all.put("defect", d));
    p.node().ifPresent(n -> all.put("node", n));
    p.startedAt().ifPresent(t -> all.put("startedAt", t.toString()));
    p.startFailure().map(StartFailure::cause).ifPresent(c -> all.put("startFailure", c.reason()));
    p.startFailure().map(StartFailure::message).ifPresent(m -> all.put("startMessage", m));
    p.startFailure().map(StartFailure::since).ifPresent(t -> all.put("since", t.toString()));
    p.ending()
        .ifPresent(
            e -> {
              all.put("cause", e.cause().reason());
              e.exitCode().ifPresent(code -> all.put("exitCode", Integer.toString(code)));
              all.put("message", e.message());
              if (!e.terminationMessage().isEmpty()) {
                all.put("terminationMessage", e.terminationMessage());
              }
            });
    return all;
  }

  private static Map<String, String> expected(JsonNode expected) {
    Map<String, String> all = new TreeMap<>();
    all.put("token", TOKEN);
    all.put("job", "job-uid");
    for (String flag : List.of("gated", "terminating", "gone", "terminal")) {
      all.put(flag, "false");
    }
    all.put("labelled", "true");
    expected.properties().forEach(e -> all.put(e.getKey(), e.getValue().asText()));
    return all;
  }

  private static JsonNode merged(JsonNode base, JsonNode over) {
    if (!(base instanceof ObjectNode) || !(over instanceof ObjectNode)) {
      return over;
    }
    ObjectNode result = base.deepCopy();
    over.properties()
        .forEach(
            e -> {
              JsonNode below = result.path(e.getKey());
              result.set(e.getKey(), merged(below, e.getValue()));
            });
    return result;
  }

  /** Replaces texts "@file" by the golden termination message of that name. */
  private static JsonNode withMessages(JsonNode node) {
    return switch (node) {
      case ObjectNode object -> {
        ObjectNode result = JSON.createObjectNode();
        object.properties().forEach(e -> result.set(e.getKey(), withMessages(e.getValue())));
        yield result;
      }
      case NullNode n -> n;
      default -> {
        if (node.isArray()) {
          var result = JSON.createArrayNode();
          node.forEach(item -> result.add(withMessages(item)));
          yield result;
        }
        yield node.isTextual() && node.asText().startsWith("@")
            ? JSON.getNodeFactory().textNode(golden(node.asText().substring(1)))
            : node;
      }
    };
  }

  private static String golden(String name) {
    try {
      return Files.readString(MESSAGES.resolve(name)).strip();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
