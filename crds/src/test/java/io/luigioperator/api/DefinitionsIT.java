/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.client.CustomResource;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.utils.KubernetesSerialization;
import io.luigioperator.testing.ApiServer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The custom resource definitions as users of kubectl and other clients see them. */
class DefinitionsIT {
  private static final String NAMESPACE = "definitions";

  private static final Path EXAMPLES = Path.of("../examples/flights");

  /** Together they set every field. */
  private static final List<String> VALID =
      List.of(
          "run-inline.yaml", "run-by-reference.yaml", "schedule.yaml", "schedule-shortest.yaml");

  @TempDir private static Path directory;

  private static KubernetesClient client;

  @BeforeAll
  static void createOneOfEach() throws IOException, InterruptedException {
    client = ApiServer.shared().client();
    var namespace =
        new NamespaceBuilder().withNewMetadata().withName(NAMESPACE).endMetadata().build();
    client.resource(namespace).create();
    var run = Documents.valid("run-inline.yaml");
    apply(run);
    apply(Documents.valid("run-by-reference.yaml"));
    apply(Documents.valid("schedule.yaml"));
    client
        .resource(new KubernetesSerialization().convertValue(run, PipelineRun.class))
        .inNamespace(NAMESPACE)
        .updateStatus();
  }

  @AfterAll
  static void close() {
    client.close();
  }

  @Test
  void kubectlExplainShowsTheDescriptions() throws IOException, InterruptedException {
    assertThat(ApiServer.shared().kubectl("explain", "lpr.spec.pipeline.retry"))
        .contains("How often failed attempts are repeated, after which delay")
        .contains("maxInfrastructureRetries")
        .contains("Maximum number of attempts that may end because of the");
    assertThat(ApiServer.shared().kubectl("explain", "lps.spec.clients"))
        .contains("Clients that the pipeline may run for, at most 500.");
    assertThat(ApiServer.shared().kubectl("explain", "lpr.status.attempts"))
        .contains("The newest 10 attempts, newest first.");
  }

  @Test
  void kubectlGetShowsTheColumnsInOrder() throws IOException, InterruptedException {
    assertThat(columns(get("lpr", "acme-20130115")))
        .startsWith("NAME", "CLIENT", "DATE", "PRIORITY", "PHASE", "REASON", "TASKS", "TRY", "AGE")
        .containsSubsequence(
            "acme", "2013-01-15", "High", "Retrying", "BackingOff", "20/40", "1/2");
    assertThat(columns(get("lpr", "acme-20130115", "-o", "wide")))
        .containsSubsequence("AGE", "SCHEDULE", "STARTED", "JOB", "MESSAGE")
        .contains("acme-20130115-a1");
    assertThat(columns(get("lpr", "acme-20130115-fix1", "-o", "wide"))).contains("nightly");
    assertThat(columns(get("lps", "nightly")))
        .startsWith(
            "NAME", "CRON", "TIMEZONE", "SUSPEND", "CLIENTS", "OK", "NEXT", "LAST", "READY", "AGE");
  }

  /** A run without a priority gets that of its schedule, so the field must have no default. */
  @Test
  void thePriorityColumnShowsTheResolvedPriority() throws IOException, InterruptedException {
    assertThat(columns(get("lpr", "acme-20130115-fix1", "--no-headers")))
        .startsWith("acme-20130115-fix1", "acme", "Pending");
    ApiServer.shared()
        .kubectl(
            "patch",
            "lpr",
            "acme-20130115-fix1",
            "--namespace",
            NAMESPACE,
            "--subresource=status",
            "--type=merge",
            "--patch={\"status\": {\"resolved\": {\"priority\": \"Low\"}}}");
    assertThat(columns(get("lpr", "acme-20130115-fix1", "--no-headers")))
        .startsWith("acme-20130115-fix1", "acme", "Low", "Pending");
    assertThat(get("lpr", "acme-20130115-fix1", "--output=jsonpath={.spec.priority}")).isEmpty();
  }

  @Test
  void theCategoryListsBothKinds() throws IOException, InterruptedException {
    assertThat(get("luigi"))
        .contains("pipelinerun.luigi-operator.io/acme-20130115")
        .contains("pipelineschedule.luigi-operator.io/nightly");
  }

  /** Otherwise kstatus treats a new object as current before the operator has processed it. */
  @Test
  void aNewObjectIsNotYetObserved() {
    var run =
        client
            .resources(PipelineRun.class)
            .inNamespace(NAMESPACE)
            .withName("acme-20130115-fix1")
            .get();
    assertThat(run.getStatus().observedGeneration()).isEqualTo(-1);
    assertThat(run.getStatus().phase()).isEqualTo(Phase.Pending);

    var schedule =
        client.resources(PipelineSchedule.class).inNamespace(NAMESPACE).withName("nightly").get();
    assertThat(schedule.getStatus().observedGeneration()).isEqualTo(-1);
  }

  @Test
  void aReportedStatusIsRead() {
    var run =
        client.resources(PipelineRun.class).inNamespace(NAMESPACE).withName("acme-20130115").get();
    assertThat(run.getStatus().attempts()).hasSize(1);
    assertThat(run.getStatus().startTime()).isEqualTo("2013-01-16T04:00:01.123456Z");
  }

  /** Otherwise an update by the operator would remove fields. */
  @Test
  void theTypesKeepAllFieldsThatTheServerStores() throws IOException {
    assertAllFieldsKept("pipelineruns/acme-20130115", PipelineRun.class);
    assertAllFieldsKept("pipelineruns/acme-20130115-fix1", PipelineRun.class);
    assertAllFieldsKept("pipelineschedules/nightly", PipelineSchedule.class);
  }

  private static void assertAllFieldsKept(String object, Class<? extends CustomResource<?, ?>> type)
      throws IOException {
    String stored =
        client.raw("/apis/luigi-operator.io/v1beta1/namespaces/" + NAMESPACE + "/" + object);
    var serialization = new KubernetesSerialization();
    String written = serialization.asJson(serialization.unmarshal(stored, type));
    var json = new ObjectMapper();
    for (var part : List.of("spec", "status")) {
      assertThat(json.readTree(written).get(part))
          .isEqualTo(quantitiesAsText(json.readTree(stored).get(part)));
    }
  }

  /** A quantity may be a number in YAML; the types always store the equivalent string. */
  private static JsonNode quantitiesAsText(JsonNode spec) {
    for (var amounts : spec.at("/pipeline/resources")) {
      amounts
          .properties()
          .forEach(amount -> amount.setValue(TextNode.valueOf(amount.getValue().asText())));
    }
    return spec;
  }

  @ParameterizedTest
  @CsvSource({
    "lpr, spec.client=acme, 2",
    "lpr, spec.client=globex, 0",
    "lpr, spec.date=2013-01-15, 1",
    "lpr, spec.priority=High, 1",
    "lpr, spec.scheduleRef.name=nightly, 1",
    "lpr, status.phase=Pending, 1",
    "lps, spec.suspend=false, 1",
    "lps, spec.suspend=true, 0",
    "lps, spec.timeZone=Europe/Berlin, 1",
    "lps, spec.timeZone=Etc/UTC, 0",
    "lps, spec.priority=Low, 1"
  })
  void fieldSelectorsFilterLists(String kind, String selector, int expected)
      throws IOException, InterruptedException {
    String names = get(kind, "--field-selector", selector, "-o", "name", "--ignore-not-found");
    assertThat(names.lines().filter(line -> !line.isBlank())).hasSize(expected);
  }

  /**
   * GitOps tools apply the same files repeatedly, and show what differs. A default that the server
   * stores in another form would differ for ever.
   */
  @ParameterizedTest
  @ValueSource(strings = {"--server-side=false", "--server-side"})
  void applyingADocumentAgainDiffersInNothing(String way) throws IOException {
    String namespace = "again" + way.length();
    ApiServer.shared().kubectl("create", "namespace", namespace);
    for (String name : VALID) {
      var document = Documents.valid(name).without("status");
      var file =
          Files.writeString(directory.resolve(namespace + ".yaml"), document.toString()).toString();
      var arguments = List.of(way, "--namespace", namespace, "-f", file);
      kubectl("apply", arguments);
      assertThat(kubectl("diff", arguments)).as("%s", name).isEmpty();
      kubectl("apply", arguments); // the server may store the same object once more
      String stored = stored(namespace, file);
      assertThat(stored).as("%s: its generation", name).startsWith("1 ");
      kubectl("apply", arguments);
      assertThat(kubectl("diff", arguments)).as("%s again", name).isEmpty();
      assertThat(stored(namespace, file)).as("%s", name).isEqualTo(stored);
    }
  }

  private static String kubectl(String command, List<String> arguments) {
    var all = new ArrayList<>(List.of(command));
    all.addAll(arguments);
    return ApiServer.shared().kubectl(all.toArray(String[]::new));
  }

  private static String stored(String namespace, String file) {
    return ApiServer.shared()
        .kubectl(
            "get",
            "--namespace",
            namespace,
            "-f",
            file,
            "--output=jsonpath={.metadata.generation} {.metadata.resourceVersion}");
  }

  /** The example files, the namespace first. */
  private static List<Path> examples() throws IOException {
    Path first = EXAMPLES.resolve("namespace.yaml");
    try (var files = Files.list(EXAMPLES)) {
      var rest = files.filter(f -> f.toString().endsWith(".yaml") && !f.equals(first)).sorted();
      var all = Stream.concat(Stream.of(first), rest).toList();
      assertThat(all).contains(EXAMPLES.resolve("inline.yaml"), EXAMPLES.resolve("schedule.yaml"));
      return all;
    }
  }

  /** GitOps tools apply the same files repeatedly. */
  @Test
  void applyingAnExampleTwiceChangesNothing() throws IOException, InterruptedException {
    for (Path example : examples()) {
      ApiServer.shared().kubectl("apply", "-f", example.toString());
      String before = versions(example);
      assertThat(ApiServer.shared().kubectl("apply", "-f", example.toString()).lines())
          .as("%s", example)
          .isNotEmpty()
          .allMatch(line -> line.endsWith(" unchanged"));
      assertThat(versions(example)).as("%s", example).isNotBlank().isEqualTo(before);
    }
  }

  private static String versions(Path file) throws IOException, InterruptedException {
    return ApiServer.shared()
        .kubectl(
            "get",
            "-f",
            file.toString(),
            "--no-headers",
            "--output=custom-columns=:kind,:metadata.name,:metadata.resourceVersion");
  }

  private static String apply(ObjectNode document) throws IOException, InterruptedException {
    var withoutStatus = document.deepCopy().without("status");
    var file = Files.writeString(directory.resolve("object.yaml"), withoutStatus.toString());
    return ApiServer.shared().kubectl("apply", "--namespace", NAMESPACE, "-f", file.toString());
  }

  private static String get(String... arguments) throws IOException, InterruptedException {
    var all = new ArrayList<>(List.of("get", "--namespace", NAMESPACE));
    all.addAll(List.of(arguments));
    return ApiServer.shared().kubectl(all.toArray(String[]::new));
  }

  private static List<String> columns(String text) {
    return List.of(text.trim().split("\\s+"));
  }
}
