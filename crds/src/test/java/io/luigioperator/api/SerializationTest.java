/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import io.fabric8.kubernetes.api.model.ConditionBuilder;
import io.fabric8.kubernetes.client.utils.KubernetesSerialization;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SerializationTest {
  private static final KubernetesSerialization JSON = new KubernetesSerialization();

  private static final String ALL_FIELDS =
      """
      apiVersion: luigi-operator.io/v1beta1
      kind: PipelineRun
      metadata:
        name: acme-20130115
        namespace: flights
      spec:
        pipeline:
          image: registry.example.com/flights:1.4
          task: {module: flights.pipeline, family: CarrierReport}
          dateParameter: ""
          clientParameter: carrier
          parameters: [{name: min_delay, value: "15"}, {name: note, value: ""}]
          allow: {parameters: [min_delay], unlistedClients: true}
          workers: 2
          mutex: {scope: None, group: reports}
          retry:
            maxAttempts: 5
            backoffSeconds: 5
            maxBackoffSeconds: 50
            maxInfrastructureRetries: 4
            nonRetryableErrors: [ValueError]
          timeouts: {activeSeconds: 1, startSeconds: 20, taskSeconds: 3, graceSeconds: 40}
          verify: None
          serviceAccountName: flights
          resources: {requests: {cpu: 500m, memory: 512Mi}, limits: {memory: 1Gi}}
          env:
          - {name: MODE, value: fast}
          - {name: DB_PASSWORD, valueFrom: {secretKeyRef: {name: db, key: password}}}
          envFrom: [{prefix: A_, configMapRef: {name: settings, optional: true}}]
          volumes:
          - {name: out, persistentVolumeClaim: {claimName: reports}}
          - {name: conf, configMap: {name: conf, items: [{key: a, path: b, mode: 292}]}}
          volumeMounts: [{name: out, mountPath: /out, subPath: x, readOnly: false}]
          podTemplate: {spec: {nodeSelector: {disk: ssd}, tolerations: [{key: a}]}}
          ttlSecondsAfterFinished: 60
        client: acme
        date: "2013-01-15"
        parameters: [{name: min_delay, value: "20"}]
        rerun: {mode: Incomplete}
        priority: High
        desiredState: Held
        notBeforeTime: "2013-01-16T04:00:00Z"
        startDeadlineSeconds: 3600
        activeDeadlineSeconds: 7200
        maxAttempts: 2
        ttlSecondsAfterFinished: 100
      """;

  @Test
  void everyFieldIsUnchangedAfterARoundTrip() {
    var tree = JSON.unmarshal(ALL_FIELDS, JsonNode.class);

    var run = JSON.unmarshal(ALL_FIELDS, PipelineRun.class);

    assertThat(JSON.unmarshal(JSON.asJson(run), JsonNode.class)).isEqualTo(tree);
    assertThat(JSON.unmarshal(JSON.asYaml(run), PipelineRun.class)).isEqualTo(run);
  }

  @Test
  void aMinimalPipelineHasDefaultsAndNoNulls() {
    var pipeline =
        JSON.unmarshal("---\nimage: i\ntask: {module: m, family: F}", PipelineSpec.class);

    assertThat(pipeline.workers()).isEqualTo(1);
    assertThat(pipeline.dateParameter()).isEqualTo("date");
    assertThat(pipeline.mutex()).isEqualTo(new MutexSpec(MutexScope.Client, "default"));
    assertThat(pipeline.retry().maxAttempts()).isEqualTo(3);
    assertThat(pipeline.allow().parameters()).isEmpty();
    assertThat(pipeline.podTemplate()).isEmpty();
    assertThat(JSON.asJson(pipeline)).doesNotContain("null").doesNotContain("[]");
  }

  @Test
  void aStatusHasNoNullsAndIsEqualAfterARoundTrip() {
    var status =
        PipelineRunStatus.builder()
            .observedGeneration(3L)
            .phase(Phase.Retrying)
            .conditions(
                List.of(
                    new ConditionBuilder()
                        .withType("Accepted")
                        .withStatus("True")
                        .withReason("Accepted")
                        .build()))
            .startTime(Instant.parse("2026-01-01T02:00:00.123456Z"))
            .attempts(
                List.of(
                    new AttemptStatus(
                        1,
                        "acme-20130115-a1",
                        Instant.parse("2026-01-01T02:00:00Z"),
                        null,
                        30,
                        "TaskFailed",
                        null)))
            .build();

    String json = JSON.asJson(status);

    assertThat(json).contains("\"2026-01-01T02:00:00.123456Z\"").doesNotContain("null");
    assertThat(JSON.unmarshal(json, PipelineRunStatus.class)).isEqualTo(status);
    assertThat(status.toBuilder().build()).isEqualTo(status);
  }

  /**
   * The CRDs are upgraded before the operator, so objects may have fields that it does not know.
   */
  @Test
  void unknownFieldsAreIgnored() {
    var run =
        JSON.unmarshal(
            ALL_FIELDS + "  later: {a: 1}\nstatus: {phase: Queued, later: 1}\n", PipelineRun.class);

    assertThat(run.getSpec()).isEqualTo(JSON.unmarshal(ALL_FIELDS, PipelineRun.class).getSpec());
    assertThat(run.getStatus()).isEqualTo(PipelineRunStatus.builder().phase(Phase.Queued).build());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{reason: r, phase: Paused}",
        "{reason: r, phase: 7}",
        "{reason: r, phase: {a: 1}}",
        "{reason: r, startTime: yesterday}",
        "{reason: r, startTime: '2026-01-01 02:00:00'}",
        "{reason: r, observedGeneration: many}",
        "{reason: r, observedGeneration: [1, 2]}",
        "{reason: r, conditions: none}",
        "{reason: r, conditions: [none, null]}",
        "{reason: r, attempts: {}}",
        "{reason: r, attempts: [1]}",
        "{reason: r, resolved: [1, {a: 2}]}",
      })
  void unreadableValuesInAStatusAreIgnored(String status) {
    var run = JSON.unmarshal(ALL_FIELDS + "status: " + status, PipelineRun.class);

    assertThat(run.getStatus()).isEqualTo(PipelineRunStatus.builder().reason("r").build());
    assertThat(run.getSpec()).isEqualTo(JSON.unmarshal(ALL_FIELDS, PipelineRun.class).getSpec());
  }

  @Test
  void valuesBesideAnUnreadableOneAreRead() {
    var run =
        JSON.unmarshal(
            ALL_FIELDS
                + """
                status:
                  conditions: [{type: Finished, status: "True", lastTransitionTime: soon}]
                  attempts: [{number: 2, startTime: soon, reason: TaskFailed}, {number: 1}]
                  resolved: {priority: Urgent, mode: Incomplete}
                  completionTime: "2026-01-01T02:00:00Z"
                """,
            PipelineRun.class);

    assertThat(run.getStatus())
        .isEqualTo(
            PipelineRunStatus.builder()
                .conditions(
                    List.of(
                        new ConditionBuilder()
                            .withType("Finished")
                            .withStatus("True")
                            .withLastTransitionTime("soon")
                            .build()))
                .attempts(
                    List.of(
                        new AttemptStatus(2, null, null, null, null, "TaskFailed", null),
                        new AttemptStatus(1, null, null, null, null, null, null)))
                .resolved(new ResolvedStatus(null, null, RerunMode.Incomplete, null))
                .completionTime(Instant.parse("2026-01-01T02:00:00Z"))
                .build());
  }

  @ParameterizedTest
  @ValueSource(strings = {"7", "gone", "[1]", "null"})
  void aStatusThatIsNoObjectIsIgnored(String status) {
    var run = JSON.unmarshal(ALL_FIELDS + "status: " + status, PipelineRun.class);

    assertThat(run.getStatus()).isNull();
    assertThat(run.getMetadata().getName()).isEqualTo("acme-20130115");
  }

  @Test
  void unreadableValuesInTheStatusOfAScheduleAreIgnored() {
    var schedule =
        JSON.unmarshal(
            """
            apiVersion: luigi-operator.io/v1beta1
            kind: PipelineSchedule
            metadata: {name: nightly, namespace: flights}
            spec: {pipeline: {image: i, task: {module: m, family: F}}}
            status: {observedGeneration: 2, clients: many}
            """,
            PipelineSchedule.class);

    assertThat(schedule.getStatus())
        .isEqualTo(new PipelineScheduleStatus(2L, null, null, null, null, null, null));
  }

  @Test
  void deserializedObjectsAreImmutable() {
    var pipeline = JSON.unmarshal(ALL_FIELDS, PipelineRun.class).getSpec().pipeline();

    assertThatThrownBy(() -> pipeline.parameters().clear())
        .isInstanceOf(UnsupportedOperationException.class);
    assertThatThrownBy(() -> pipeline.resources().limits().put("cpu", "1"))
        .isInstanceOf(UnsupportedOperationException.class);
    var template = (Map<?, ?>) pipeline.podTemplate().get("spec");
    assertThatThrownBy(template::clear).isInstanceOf(UnsupportedOperationException.class);
    assertThatThrownBy(((List<?>) template.get("tolerations"))::clear)
        .isInstanceOf(UnsupportedOperationException.class);
  }
}
