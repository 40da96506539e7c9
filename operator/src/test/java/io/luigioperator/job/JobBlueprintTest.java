/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.networknt.schema.JsonSchema;
import com.networknt.schema.JsonSchemaFactory;
import com.networknt.schema.SpecVersion;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class JobBlueprintTest {

  private static final Path CASES = Path.of("src/test/resources/job/blueprint");
  private static final Path IMAGE = Path.of("../luigi-image");
  private static final String HEADER =
      """
      # Copyright The luigi-operator authors
      # SPDX-License-Identifier: Apache-2.0
      #
      # Written by JobBlueprintTest with -Dgolden.update=true
      """;
  private static final ObjectMapper JSON = new ObjectMapper();

  private final JobBlueprint blueprint = new JobBlueprint("0.1.0");

  static Stream<Path> cases() throws IOException {
    try (Stream<Path> folders = Files.list(CASES)) {
      return folders.sorted().toList().stream();
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void createsTheGoldenJob(Path folder) throws IOException {
    Path golden = folder.resolve("job.yaml");
    String actual =
        HEADER
            + AttemptFixture.KUBERNETES.asYaml(job(AttemptFixture.read(folder.resolve("in.yaml"))));

    if (Boolean.getBoolean("golden.update")) {
      Files.writeString(golden, actual);
    }

    assertThat(actual)
        .as("differs from %s; if that is meant, run with -Dgolden.update=true", golden)
        .isEqualTo(Files.readString(golden));
  }

  @ParameterizedTest
  @MethodSource("cases")
  void createsAValidRunSpec(Path folder) throws IOException {
    JsonSchema schema =
        JsonSchemaFactory.getInstance(SpecVersion.VersionFlag.V202012)
            .getSchema(Files.readString(IMAGE.resolve("spec.schema.json")));

    JsonNode spec = runSpec(job(AttemptFixture.read(folder.resolve("in.yaml"))));

    assertThat(schema.validate(spec)).isEmpty();
    ((ObjectNode) spec).put("workers", 0);
    assertThat(schema.validate(spec)).as("the schema is applied").isNotEmpty();
  }

  @Test
  void createsTheExampleOfTheSchema() throws IOException {
    JsonNode expected = JSON.readTree(IMAGE.resolve("tests/golden/spec.json").toFile());

    assertThat(runSpec(job(AttemptFixture.read(CASES.resolve("contract/in.yaml")))))
        .isEqualTo(expected);
  }

  @ParameterizedTest
  @MethodSource("cases")
  void dryRunsThePodThatTheJobCreates(Path folder) {
    AttemptFixture attempt = AttemptFixture.read(folder.resolve("in.yaml"));

    Pod dryRun = blueprint.dryRunPod(attempt.run().key(), attempt.request());
    Job job = job(attempt);

    assertThat(dryRun.getMetadata().getNamespace()).isEqualTo(attempt.run().key().namespace());
    assertThat(dryRun.getMetadata().getGenerateName())
        .isEqualTo(attempt.run().key().name() + "-dry-run-");
    assertThat(dryRun.getMetadata().getLabels())
        .isEqualTo(job.getSpec().getTemplate().getMetadata().getLabels());
    assertThat(dryRun.getMetadata().getAnnotations().keySet())
        .isEqualTo(job.getSpec().getTemplate().getMetadata().getAnnotations().keySet());
    dryRun.getSpec().getContainers().forEach(c -> c.setEnv(List.of()));
    job.getSpec().getTemplate().getSpec().getContainers().forEach(c -> c.setEnv(List.of()));
    assertThat(dryRun.getSpec()).isEqualTo(job.getSpec().getTemplate().getSpec());
  }

  @Test
  void dividesTheMessageOfAPodAmongItsContainers() throws IOException {
    StringBuilder sidecars = new StringBuilder();
    for (int i = 0; i < 20; i++) {
      sidecars.append("{name: c%d, image: c:1},".formatted(i));
    }

    assertThat(budget("[]")).as("with five containers of webhooks").isEqualTo(1952);
    assertThat(budget("[{name: a, image: a:1}, {name: b, image: b:1}]")).isEqualTo(1440);
    assertThat(budget("[" + sidecars + "]")).as("minimum of the runner").isEqualTo(768);
  }

  private int budget(String containers) throws IOException {
    return runSpec(job(withPodTemplate("{spec: {initContainers: %s}}".formatted(containers))))
        .at("/report/budgetBytes")
        .asInt();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          {status: {}}                                    | status: a pod template has only
          {metadata: {name: x}}                           | metadata.name: only labels and annotations
          {metadata: {labels: {luigi-operator.io/run: x}}}| metadata.labels.luigi-operator.io/run: this key is reserved
          {metadata: {labels: {app.kubernetes.io/managed-by: x}}} | app.kubernetes.io/managed-by: this key
          {metadata: {annotations: {luigi-operator.io/token: x}}} | metadata.annotations.luigi-operator.io/token: this key
          {metadata: {labels: 5}}                         | podTemplate.metadata.labels must be an object
          {spec: 5}                                       | podTemplate.spec must be an object
          {spec: {restartPolicy: OnFailure}}              | spec.restartPolicy: it is always Never
          {spec: {nodeName: n}}                           | spec.nodeName: use nodeSelector or affinity
          {spec: {schedulingGates: []}}                   | spec.schedulingGates: the operator sets
          {spec: {activeDeadlineSeconds: 5}}              | set pipeline.timeouts.activeSeconds
          {spec: {terminationGracePeriodSeconds: 5}}      | set pipeline.timeouts.graceSeconds
          {spec: {serviceAccountName: x}}                 | set pipeline.serviceAccountName
          {spec: {serviceAccount: x}}                     | set pipeline.serviceAccountName
          {spec: {volumes: [{name: data}]}}               | spec.volumes[data]: pipeline.volumes or the operator
          {spec: {volumes: [{name: luigi-run}]}}          | spec.volumes[luigi-run]: pipeline.volumes or the operator
          {spec: {volumes: {}}}                           | podTemplate.spec.volumes must be a list
          {spec: {containers: [5]}}                       | podTemplate.spec.containers[] must be an object
          {spec: {containers: [{name: luigi, image: x}]}} | spec.containers[luigi].image: set pipeline.image
          {spec: {containers: [{name: luigi, command: [x]}]}} | spec.containers[luigi].command: the entrypoint
          {spec: {containers: [{name: luigi, args: [x]}]}}| spec.containers[luigi].args: the entrypoint
          {spec: {containers: [{name: luigi, env: []}]}}  | spec.containers[luigi].env: set pipeline.env
          {spec: {containers: [{name: luigi, envFrom: []}]}} | spec.containers[luigi].envFrom: set pipeline.envFrom
          {spec: {containers: [{name: luigi, resources: {}}]}} | set pipeline.resources
          {spec: {containers: [{name: luigi, restartPolicy: Always}]}} | restartPolicy: an attempt does not restart
          {spec: {containers: [{name: luigi, restartPolicyRules: []}]}} | restartPolicyRules: an attempt does not
          {spec: {containers: [{name: luigi, terminationMessagePath: /x}]}} | the operator reads the verdict from there
          {spec: {containers: [{name: luigi, terminationMessagePolicy: x}]}} | the operator reads the verdict from there
          {spec: {containers: [{name: luigi, volumeMounts: [{mountPath: /tmp}]}]}} | volumeMounts[/tmp]: pipeline.vol
          {spec: {initContainers: [{name: luigi}]}}       | spec.initContainers[luigi]: this name is reserved
          {spec: {containers: [{name: x, env: [{name: DB_PASSWORD, value: y}]}]}} | use valueFrom.secretKeyRef
          {spec: {tolerations: [{tolerationSeconds: soon}]}} | is not a valid pod template: Cannot deserialize
          """)
  void refusesReservedFields(String template, String message) {
    AttemptFixture attempt = withPodTemplate(template);

    assertThatThrownBy(() -> job(attempt))
        .isInstanceOf(PodTemplateInvalid.class)
        .hasMessageContaining(message);
    assertThatThrownBy(() -> blueprint.dryRunPod(attempt.run().key(), attempt.request()))
        .isInstanceOf(PodTemplateInvalid.class);
  }

  /** Also of a run that was changed after it had been accepted. */
  @Test
  void theDeadlineOfARunIsLimitedByItsSchedule() {
    AttemptFixture attempt =
        AttemptFixture.parse(
            """
            object:
              apiVersion: luigi-operator.io/v1beta1
              kind: PipelineRun
              metadata: {namespace: flights, name: limited, uid: u-1}
              spec: {client: UA, scheduleRef: {name: nightly}, activeDeadlineSeconds: 90000}
            pipeline:
              image: flights:1
              task: {module: m, family: F}
              allow: {activeSeconds: 20000}
              timeouts: {startSeconds: 900, graceSeconds: 120}
            attempt: {number: 1, fence: 1, token: t-1}
            """);

    long pod = job(attempt).getSpec().getTemplate().getSpec().getActiveDeadlineSeconds();

    assertThat(pod).isBetween(20000L, 30000L);
    assertThat(
            blueprint
                .dryRunPod(attempt.run().key(), attempt.request())
                .getSpec()
                .getActiveDeadlineSeconds())
        .isEqualTo(pod);
  }

  @Test
  void namesEveryProblemAtOnce() {
    assertThatThrownBy(() -> job(withPodTemplate("{spec: {nodeName: n, restartPolicy: Always}}")))
        .hasMessageContaining("spec.nodeName")
        .hasMessageContaining("spec.restartPolicy");
  }

  @Test
  void theVersionMustBeALabelValue() {
    assertThatThrownBy(() -> new JobBlueprint("1.0+dirty"))
        .isInstanceOf(IllegalArgumentException.class);
  }

  private Job job(AttemptFixture attempt) {
    return blueprint.job(attempt.run(), attempt.request(), attempt.attempt(), attempt.object());
  }

  private static JsonNode runSpec(Job job) throws IOException {
    return JSON.readTree(
        job.getSpec().getTemplate().getMetadata().getAnnotations().get(Annotations.RUN_SPEC));
  }

  static AttemptFixture withPodTemplate(String template) {
    return AttemptFixture.parse(
        """
        object:
          apiVersion: luigi-operator.io/v1beta1
          kind: PipelineRun
          metadata: {namespace: flights, name: overlay, uid: u-1}
          spec:
            client: UA
            pipeline:
              image: flights:1
              task: {module: m, family: F}
              volumes: [{name: data, emptyDir: {}}]
              podTemplate: %s
        attempt: {number: 1, fence: 1, token: t-1}
        """
            .formatted(template));
  }
}
