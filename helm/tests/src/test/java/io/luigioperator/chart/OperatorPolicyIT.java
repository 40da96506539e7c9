/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.chart;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.luigioperator.testing.Command;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What a user with the token of the operator can do: the policy of the chart refuses what the
 * rights allow and the operator never does.
 */
class OperatorPolicyIT {
  private static final Duration POLICY_TIMEOUT = Duration.ofSeconds(60);
  private static final String OPERATOR =
      "system:serviceaccount:" + Helm.NAMESPACE + ":tidy-luigi-operator";

  private static final String POD =
      """
      apiVersion: v1
      kind: Pod
      metadata: {name: %s, %s}
      spec:
        schedulingGates: [{name: luigi-operator.io/launch}]
        securityContext: {runAsNonRoot: true, runAsUser: 1, seccompProfile: {type: RuntimeDefault}}
        containers:
        - name: luigi
          image: i
          resources: {requests: {cpu: 100m, memory: 64Mi}, limits: {memory: 64Mi}}
          env: [{name: A, valueFrom: {fieldRef: {fieldPath: metadata.name}}}, {name: B}]
          livenessProbe: {httpGet: {path: /, port: 80}}
          securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
        volumes: [{name: tmp, emptyDir: {sizeLimit: 1Mi}}]
      """;

  private static final String JOB =
      """
      apiVersion: batch/v1
      kind: Job
      metadata: {name: %s, %s}
      spec:
        template:
          spec:
            restartPolicy: Never
            schedulingGates: [{name: luigi-operator.io/launch}]
            containers: [{name: luigi, image: i}]
      """;

  private static final String RUN =
      """
      apiVersion: luigi-operator.io/v1beta1
      kind: PipelineRun
      metadata: {name: %s, %s}
      spec: {client: acme, date: "2013-01-15", scheduleRef: {name: nightly}%s}
      """;

  private static final String OPEN =
      "[{op: remove, path: /spec/schedulingGates/0}, {op: add,"
          + " path: /metadata/annotations/luigi-operator.io~1gate-opened, value: now}]";

  private static final String LABEL =
      "labels: {app.kubernetes.io/managed-by: luigi-operator}, annotations: {a: b}";

  /** As the Job controller makes it. */
  private static final String OF_A_JOB =
      ", finalizers: [batch.kubernetes.io/job-tracking], ownerReferences: [{apiVersion: batch/v1,"
          + " kind: Job, name: j, uid: u, controller: true, blockOwnerDeletion: true}]";

  private static final String RELABELED =
      "labels: {app.kubernetes.io/managed-by: x}, annotations: {luigi-operator.io/token: t}";
  private static final String FOREIGN = "labels: {app: shop}";
  private static final String OWNED =
      LABEL
          + ", ownerReferences: [{apiVersion: luigi-operator.io/v1beta1, kind: PipelineRun, name: r,"
          + " uid: u, controller: true}]";

  private static ChartApiServer server;

  @BeforeAll
  static void start() {
    server = ChartApiServer.start("sales", "stock", "kube-extra");
    server.helm().operator("install", "production").orFail();
    for (String namespace : List.of("sales", "kube-extra", Helm.NAMESPACE)) {
      admin(namespace, POD.formatted("managed", LABEL + OF_A_JOB));
      admin(namespace, JOB.formatted("managed", LABEL));
      admin(namespace, RUN.formatted("expiring", "", ", ttlSecondsAfterFinished: 1"));
    }
    admin("sales", POD.formatted("relabeled", RELABELED));
    admin("sales", POD.formatted("labelled", "labels: {luigi-operator.io/run: r}"));
    admin("sales", JOB.formatted("owned", OWNED.replace(LABEL, FOREIGN)));
    admin("sales", POD.formatted("foreign", FOREIGN));
    admin("sales", JOB.formatted("foreign", FOREIGN));
    admin("sales", RUN.formatted("made", LABEL, ""));
    admin("sales", RUN.formatted("kept", "", ""));
    await()
        .atMost(POLICY_TIMEOUT)
        .until(() -> operator("sales", "", "delete", "pod/foreign").exitCode() != 0);
  }

  @AfterAll
  static void stop() {
    server.close();
  }

  @Test
  void createsPodsOnlyAsADryRun() {
    String pod = POD.formatted("stolen", OWNED);
    assertAccepted(create("sales", pod));
    var real =
        server.kubectl(pod, "create", "-n", "sales", "--as=" + OPERATOR, "--filename=-").refusal();
    assertThat(real).contains("The operator creates pods only as a dry run");
  }

  @Test
  void createsOnlyJobsOfAPipelineRun() {
    assertAccepted(create("sales", JOB.formatted("j", OWNED)));
    String message = "creates only Jobs that a PipelineRun owns";
    assertRefused(create("sales", JOB.formatted("j", LABEL)), message);
    assertRefused(
        create("sales", JOB.formatted("j", OWNED.replace("PipelineRun", "Pod"))), message);
    assertRefused(
        create("sales", JOB.formatted("j", OWNED.replace("luigi-operator.io/v1", "x.io/v1"))),
        message);
    assertRefused(
        create("sales", JOB.formatted("j", OWNED.replace(", controller: true", ""))), message);
    assertRefused(
        create("sales", JOB.formatted("j", OWNED).replace("luigi-operator.io/launch", "x/y")),
        message);
  }

  @Test
  void createsOnlyPipelineRunsWithItsLabel() {
    assertAccepted(create("sales", RUN.formatted("r", LABEL, "")));
    assertRefused(
        create("sales", RUN.formatted("r", "", "")), "creates only PipelineRuns with its label");
  }

  @ParameterizedTest
  @ValueSource(strings = {"managed", "relabeled"})
  void opensTheGateOfItsPods(String pod) {
    assertAccepted(patch(pod, "[{op: remove, path: /spec/schedulingGates/0}]"));
    assertAccepted(patch(pod, OPEN));
  }

  /** With all fields that a pipeline can set, apart from podTemplate. */
  @Test
  void opensTheGateOfThePodsThatItBuilds() {
    ObjectNode document = ResourceFields.valid("run-inline.yaml");
    ((ObjectNode) document.at("/spec/pipeline"))
        .remove(List.of("podTemplate", "serviceAccountName"));
    ObjectNode pod =
        DerivedState.of(document, Optional.empty()).job().at("/spec/template").deepCopy();
    pod.put("apiVersion", "v1").put("kind", "Pod");
    ((ObjectNode) pod.get("metadata")).put("name", "built");
    admin("stock", pod.toString());
    assertAccepted(operator("stock", "", "patch", "pod/built", "--type=json", "--patch=" + OPEN));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "foreign | {op: remove, path: /spec/schedulingGates/0}",
        "foreign | {op: add, path: /metadata/labels/app.kubernetes.io~1managed-by, value:"
            + " luigi-operator}",
        "managed | {op: replace, path: /spec/containers/0/image, value: evil}",
        "managed | {op: add, path: /metadata/labels/app, value: shop}",
        "managed | {op: add, path: /metadata/annotations/c, value: d}",
        "managed | {op: replace, path: /metadata/annotations/a, value: c}",
        "managed | {op: remove, path: /metadata/annotations/a}",
        "managed | {op: remove, path: /metadata/annotations}",
        "managed | {op: add, path: /metadata/finalizers, value: [a.b/c, batch.kubernetes.io/job-tracking]}",
        "managed | {op: add, path: /spec/tolerations/-, value: {operator: Exists}}",
      })
  void changesNothingElse(String pod, String operation) {
    assertRefused(
        patch(pod, "[" + operation + "]"), "The operator changes only scheduling gates of pods");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "pod/managed",
        "pod/relabeled",
        "pod/labelled",
        "job/managed",
        "job/owned",
        "lpr/expiring",
        "lpr/made"
      })
  void deletesItsObjects(String object) {
    assertAccepted(operator("sales", "", "delete", object));
  }

  @ParameterizedTest
  @ValueSource(strings = {"pod/foreign", "job/foreign", "lpr/kept"})
  void deletesNoOtherObject(String object) {
    assertRefused(operator("sales", "", "delete", object), "The operator deletes only pods");
  }

  @ParameterizedTest
  @ValueSource(strings = {"kube-extra", Helm.NAMESPACE})
  void changesNothingInNamespacesOfKubernetesAndItsOwn(String namespace) {
    String message = "does not create, change or delete objects in namespace " + namespace;
    assertRefused(create(namespace, POD.formatted("p", OWNED)), message);
    assertRefused(create(namespace, JOB.formatted("j", OWNED)), message);
    assertRefused(create(namespace, RUN.formatted("r", LABEL, "")), message);
    for (String object : List.of("pod/managed", "job/managed", "lpr/expiring")) {
      assertRefused(operator(namespace, "", "delete", object), message);
    }
    assertAccepted(create("stock", JOB.formatted("j", OWNED)));
  }

  @Test
  void otherUsersAreNotAffected() {
    admin("sales", POD.formatted("of-a-user", FOREIGN));
    server.kubectl("", "delete", "-n", "sales", "pod/of-a-user", "--wait=false").orFail();
  }

  @Test
  void theOperatorKeepsItsLease() {
    String lease =
        """
        apiVersion: coordination.k8s.io/v1
        kind: Lease
        metadata: {name: tidy-luigi-operator}
        """;
    assertAccepted(create(Helm.NAMESPACE, lease));
  }

  private static void admin(String namespace, String document) {
    server.kubectl(document, "create", "-n", namespace, "--filename=-").orFail();
  }

  private static Command.Output create(String namespace, String document) {
    return operator(namespace, document, "create", "--filename=-");
  }

  private static Command.Output patch(String pod, String operations) {
    return operator("sales", "", "patch", "pod/" + pod, "--type=json", "--patch=" + operations);
  }

  /** Runs kubectl as the operator, as a dry run. */
  private static Command.Output operator(String namespace, String input, String... arguments) {
    var all = new ArrayList<>(List.of(arguments));
    all.addAll(List.of("--dry-run=server", "-n", namespace, "--as=" + OPERATOR));
    return server.kubectl(input, all.toArray(String[]::new));
  }

  private static void assertAccepted(Command.Output output) {
    assertThat(output.exitCode()).as(output.stderr()).isZero();
  }

  private static void assertRefused(Command.Output output, String message) {
    assertThat(output.refusal()).contains(message);
  }
}
