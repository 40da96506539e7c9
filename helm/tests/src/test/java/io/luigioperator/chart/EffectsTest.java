/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.chart;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.IntNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import io.luigioperator.OperatorConfig;
import io.luigioperator.api.Phase;
import io.luigioperator.ledger.ScheduleLedger.AppliedSpec;
import io.luigioperator.reconcile.AppliedLimit;
import io.luigioperator.reconcile.DecidedTicks;
import io.luigioperator.reconcile.KeptRuns;
import io.luigioperator.reconcile.PlannedBackfills;
import io.luigioperator.run.ClientHealth;
import io.luigioperator.run.DatedRun;
import io.luigioperator.run.HealthSummary;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunState;
import io.luigioperator.run.ScheduleObject;
import io.luigioperator.run.ScheduleView;
import io.luigioperator.run.TickSummary;
import io.luigioperator.run.TickSummary.BackfillProgress;
import io.luigioperator.testing.Repository;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Changes every setting and checks its effect: environment variables of the operator, values of its
 * chart, and spec fields of the custom resources. Also checks that a status reports every status
 * field.
 */
class EffectsTest {

  private static void print(String kind, String key, String change, List<String> effect) {
    System.out.printf("%-8s %-60s %s: %s%n", kind, key, change, abbreviated(effect));
  }

  private static String abbreviated(List<String> effect) {
    String text = String.join("; ", effect.subList(0, Math.min(2, effect.size())));
    return effect.size() > 2 ? text + "; and %d more".formatted(effect.size() - 2) : text;
  }

  // ---- variables

  /**
   * @param part the only part of the configuration that changes
   * @param test a test of the effect of this part
   */
  record Variable(String key, String to, String part, String test) {}

  static final List<Variable> VARIABLES =
      Table.ofFile("variables.txt")
          .map(c -> new Variable("LUIGI_OPERATOR_" + c.get(0), c.get(1), c.get(2), c.get(3)))
          .toList();

  /** With VERIFY_CA, because a CA file is refused without verification. */
  private static final Map<String, String> MINIMAL =
      Map.of(
          "LUIGI_OPERATOR_CLUSTER_ID", "here",
          "LUIGI_OPERATOR_MYSQL_HOST", "mysql",
          "LUIGI_OPERATOR_MYSQL_DATABASE", "luigi",
          "LUIGI_OPERATOR_MYSQL_USER", "luigi",
          "LUIGI_OPERATOR_MYSQL_PASSWORD_FILE", "src/test/resources/variables.txt",
          "LUIGI_OPERATOR_MYSQL_SSL_MODE", "VERIFY_CA",
          "LUIGI_OPERATOR_LEASE_NAMESPACE", "luigi-system",
          "LUIGI_OPERATOR_POD_NAME", "luigi-operator-6f-x1");

  @Test
  void everyVariableIsListed() {
    assertThat(VARIABLES.stream().map(Variable::key))
        .containsExactlyInAnyOrderElementsOf(OperatorConfig.keys());
  }

  @ParameterizedTest
  @FieldSource("VARIABLES")
  void aVariableChangesItsPart(Variable variable) throws Exception {
    var changed = new TreeMap<>(MINIMAL);
    changed.put(variable.key, variable.to);
    List<String> effect = configuration(changed).changesFrom(configuration(MINIMAL));
    assertThat(effect).containsExactly("operator." + variable.part);
    assertIsATest(variable.test);
    print("variable", variable.key, variable.to, List.of(variable.part, variable.test));
  }

  private static FlatValues configuration(Map<String, String> environment)
      throws OperatorConfig.Invalid {
    return new FlatValues().with("operator", OperatorConfig.from(environment));
  }

  private static void assertIsATest(String test) throws IOException {
    String file = test.replaceFirst("[.].*", ".java");
    Path source = Repository.path("operator/src/test/java/io/luigioperator").resolve(file);
    assertThat(Files.readString(source))
        .containsPattern(
            "@Test\\s+(default )?void " + Pattern.quote(test.replaceFirst(".*[.]", "")) + "\\(");
  }

  // ---- values of the chart

  /**
   * @param set the values file to which the change applies
   * @param to the new value as JSON, followed by other required changes after a semicolon
   * @param shows expected changes, including all changes of the operator's configuration
   */
  record Value(String key, String set, String to, List<String> shows) {}

  static final List<Value> VALUES =
      Table.of(
              """
              admissionPolicies.enabled            | production-least | true                     | ValidatingAdmissionPolicy/luigi-system-tidy-luigi-operator-pipelines.spec.failurePolicy = Fail ; ValidatingAdmissionPolicy/luigi-system-tidy-luigi-operator-service-accounts.spec.failurePolicy = Fail
              admissionPolicies.exemptUsers        | production       | ["u:a"]                  | ValidatingAdmissionPolicy/luigi-system-tidy-luigi-operator-pipelines.spec.matchConditions.not-an-operator.expression = !(request.userInfo.username in ['system:serviceaccount:luigi-system:tidy-luigi-operator', 'u:a'])
              admissionPolicies.perClient          | production       | true                     | ValidatingAdmissionPolicy/luigi-system-tidy-luigi-operator-clients.spec.failurePolicy = Fail
              affinity                             | production       | {"podAffinity":{}}       | Deployment.spec.template.spec.affinity.podAffinity = {} ; Pod-test.spec.affinity.podAffinity = {}
              capacity.maxRunning                  | production       | 77                       | operator.capacity.maxRunning = 77
              capacity.maxRunningPerNamespace      | production       | 7                        | operator.capacity.maxRunningPerNamespace = 7
              clusterId                            | production       | "west"                   | operator.clusterId = west
              commonLabels                         | production       | {"team":"data"}          | Deployment.metadata.labels.team = data ; Deployment.spec.template.metadata.labels.team = data ; Service.metadata.labels.team = data ; Pod-test.metadata.labels.team = data
              demo.mysql.image.digest              | demo             | "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" | StatefulSet-mysql.spec.template.spec.containers.mysql.image = luigi-operator/mysql@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
              demo.mysql.image.pullPolicy          | demo             | "Always"                 | StatefulSet-mysql.spec.template.spec.containers.mysql.imagePullPolicy = Always
              demo.mysql.image.repository          | demo             | "example.com/db"         | StatefulSet-mysql.spec.template.spec.containers.mysql.image = example.com/db:0.1.0
              demo.mysql.image.tag                 | demo             | "9.1"                    | StatefulSet-mysql.spec.template.spec.containers.mysql.image = luigi-operator/mysql:9.1
              demo.mysql.resources.limits          | demo             | {"memory":"3Gi"}         | StatefulSet-mysql.spec.template.spec.containers.mysql.resources.limits.memory = 3Gi
              demo.mysql.resources.requests        | demo             | {"memory":"700Mi"}       | StatefulSet-mysql.spec.template.spec.containers.mysql.resources.requests.memory = 700Mi
              demo.mysql.storage.className         | demo             | "fast"                   | StatefulSet-mysql.spec.volumeClaimTemplates.0.spec.storageClassName = fast
              demo.mysql.storage.size              | demo             | "5Gi"                    | StatefulSet-mysql.spec.volumeClaimTemplates.0.spec.resources.requests.storage = 5Gi
              extraEnv                             | production       | [{"name":"TZ","value":"UTC"}] | Deployment.spec.template.spec.containers.operator.env.TZ.value = UTC
              extraObjects                         | production       | ["kind: Note"]           | Note/.kind = Note
              extraVolumeMounts                    | production       | [{"name":"x","mountPath":"/x"}] | Deployment.spec.template.spec.containers.operator.volumeMounts.x.mountPath = /x
              extraVolumes                         | production       | [{"name":"x","emptyDir":{}}] | Deployment.spec.template.spec.volumes.x.emptyDir = {}
              fullnameOverride                     | production       | "short"                  | Service/short.spec.ports.http.port = 8080 ; operator.leaseName = short
              global.imagePullSecrets              | production       | ["reg"]                  | Deployment.spec.template.spec.imagePullSecrets.reg.name = reg ; Pod-test.spec.imagePullSecrets.reg.name = reg
              historyDays                          | production       | 90                       | operator.retention.history = PT2160H
              image.digest                         | production       | "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" | Deployment.spec.template.spec.containers.operator.image = luigi-operator/operator@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef ; Pod-test.spec.containers.probe.image = luigi-operator/operator@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
              image.pullPolicy                     | production       | "Always"                 | Deployment.spec.template.spec.containers.operator.imagePullPolicy = Always ; Pod-test.spec.containers.probe.imagePullPolicy = Always
              image.repository                     | production       | "example.com/op"         | Deployment.spec.template.spec.containers.operator.image = example.com/op:0.1.0 ; Pod-test.spec.containers.probe.image = example.com/op:0.1.0
              image.tag                            | production       | "2.0"                    | Deployment.spec.template.spec.containers.operator.image = luigi-operator/operator:2.0 ; Pod-test.spec.containers.probe.image = luigi-operator/operator:2.0
              imagePullSecrets                     | production       | [{"name":"reg"}]         | Deployment.spec.template.spec.imagePullSecrets.reg.name = reg ; Pod-test.spec.imagePullSecrets.reg.name = reg
              jobs.failedTtlSeconds                | production       | 17000000                 | operator.retention.failedJobs = PT4722H13M20S
              jobs.ttlSeconds                      | production       | 17000001                 | operator.retention.jobs = PT4722H13M21S
              logLevel                             | production       | "WARN"                   | Deployment.spec.template.spec.containers.operator.env.LUIGI_OPERATOR_LOG_LEVEL.value = WARN ; operator.logLevel = WARN
              mysql.caSecret                       | production       | "ca"                     | Deployment.spec.template.spec.volumes.mysql-ca.secret.secretName = ca ; operator.ledger.caFile = target/ca.crt
              mysql.database                       | production       | "books"                  | operator.ledger.database = books
              mysql.existingSecret                 | production       | "other"                  | operator.ledger.user = other/username ; Deployment.spec.template.spec.volumes.mysql-password.secret.secretName = other
              mysql.host                           | production       | "db.example.com"         | operator.ledger.host = db.example.com
              mysql.port                           | production       | 3310                     | operator.ledger.port = 3310 ; NetworkPolicy.spec.egress.2.ports.0.port = 3310
              mysql.sslMode                        | production       | "VERIFY_CA"              | operator.ledger.ssl = VERIFY_CA
              nameOverride                         | production       | "luigi"                  | Service/tidy-luigi.metadata.labels.app.kubernetes.io/name = luigi ; operator.leaseName = tidy-luigi
              networkPolicy.apiServerPorts         | production       | [16443]                  | NetworkPolicy.spec.egress.1.ports.0.port = 16443
              networkPolicy.dnsPorts               | production       | [5353]                   | NetworkPolicy.spec.egress.0.ports.0.port = 5353 ; NetworkPolicy.spec.egress.0.ports.1.port = 5353
              networkPolicy.enabled                | production-least | true                     | NetworkPolicy.spec.podSelector.matchLabels.app.kubernetes.io/component = operator
              nodeLossHoldSeconds                  | production       | 45                       | operator.limits.nodeLossHold = PT45S
              nodeSelector                         | production       | {"disk":"ssd"}           | Deployment.spec.template.spec.nodeSelector.disk = ssd ; Pod-test.spec.nodeSelector.disk = ssd
              podAnnotations                       | production       | {"example.com/a":"b"}    | Deployment.spec.template.metadata.annotations.example.com/a = b
              podLabels                            | production       | {"team":"data"}          | Deployment.spec.template.metadata.labels.team = data
              podMonitor.enabled                   | production       | true                     | PodMonitor.spec.podMetricsEndpoints.0.path = /metrics
              podMonitor.interval                  | production       | "7s"; podMonitor.enabled=true | PodMonitor.spec.podMetricsEndpoints.0.interval = 7s
              podMonitor.labels                    | production       | {"a":"b"}; podMonitor.enabled=true | PodMonitor.metadata.labels.a = b
              podSecurityContext                   | production       | {"runAsUser":7}          | Deployment.spec.template.spec.securityContext.runAsUser = 7 ; Pod-test.spec.securityContext.runAsUser = 7
              priorities.headStartSeconds.critical | production       | 90000                    | operator.ageing.headStarts.Critical = PT25H
              priorities.headStartSeconds.high     | production       | 20000                    | operator.ageing.headStarts.High = PT5H33M20S
              priorities.headStartSeconds.low      | production       | 100                      | operator.ageing.headStarts.Low = PT1M40S
              priorities.headStartSeconds.normal   | production       | 4000                     | operator.ageing.headStarts.Normal = PT1H6M40S
              priorityClassName                    | production       | "important"              | Deployment.spec.template.spec.priorityClassName = important
              profile                              | production       | "demo"; mysql.host=""; mysql.existingSecret="" | StatefulSet-mysql.spec.serviceName = tidy-luigi-operator-mysql ; operator.ledger.host = tidy-luigi-operator-mysql ; operator.ledger.user = tidy-luigi-operator-mysql/username ; operator.ledger.caFile = target/ca.crt ; Deployment.spec.template.spec.volumes.mysql-password.secret.secretName = tidy-luigi-operator-mysql ; Deployment.spec.template.spec.volumes.mysql-ca.secret.secretName = tidy-luigi-operator-mysql
              replicas                             | production       | 4                        | Deployment.spec.replicas = 4
              resources.limits                     | production       | {"memory":"900Mi"}       | Deployment.spec.template.spec.containers.operator.resources.limits.memory = 900Mi
              resources.requests                   | production       | {"cpu":"7m"}             | Deployment.spec.template.spec.containers.operator.resources.requests.cpu = 7m
              securityContext                      | production       | {"privileged":false}     | Deployment.spec.template.spec.containers.operator.securityContext.privileged = false ; Pod-test.spec.containers.probe.securityContext.privileged = false
              serviceAccount.annotations           | production       | {"example.com/role":"r"} | ServiceAccount.metadata.annotations.example.com/role = r
              serviceAccount.create                | production       | false; serviceAccount.name="own" | ServiceAccount.kind is gone ; Deployment.spec.template.spec.serviceAccountName = own
              serviceAccount.name                  | production       | "own"                    | ServiceAccount/own.kind = ServiceAccount ; Deployment.spec.template.spec.serviceAccountName = own
              serviceMonitor.enabled               | production       | true                     | ServiceMonitor.spec.endpoints.0.path = /metrics
              serviceMonitor.interval              | production       | "7s"; serviceMonitor.enabled=true | ServiceMonitor.spec.endpoints.0.interval = 7s
              serviceMonitor.labels                | production       | {"a":"b"}; serviceMonitor.enabled=true | ServiceMonitor.metadata.labels.a = b
              sharedLedger                         | production       | true                     | operator.sharedLedger = true
              tolerations                          | production       | [{"key":"gpu"}]          | Deployment.spec.template.spec.tolerations.0.key = gpu ; Pod-test.spec.tolerations.0.key = gpu
              topologySpreadConstraints            | production       | [{"topologyKey":"rack"}] | Deployment.spec.template.spec.topologySpreadConstraints.0.topologyKey = rack ; Deployment.spec.template.spec.topologySpreadConstraints.1.topologyKey is gone
              userRoles.enabled                    | production-least | true                     | ClusterRole/luigi-system-tidy-luigi-operator-view.rules.0.verbs.0 = get ; ClusterRole/luigi-system-tidy-luigi-operator-edit.rules.0.verbs.0 = create
              watchNamespaces                      | production       | ["sales"]                | operator.namespaces.0 = sales ; RoleBinding/luigi-system-tidy-luigi-operator-runs.metadata.namespace = sales
              """)
          .map(c -> new Value(c.get(0), c.get(1), c.get(2), List.of(c.get(3).split(" ; "))))
          .toList();

  @Test
  void everyValueIsListed() {
    var all = VALUES.stream().map(Value::key).collect(Collectors.toCollection(TreeSet::new));
    all.add("enabled"); // removes everything, see ParentChartTest
    assertThat(all).isEqualTo(ValuesSchema.leaves().keySet());
  }

  /** Not set by values: the file with the password, the port, and two settings from the pod. */
  @Test
  void everyPartOfTheConfigurationIsChangedByAValue() {
    var changed = new TreeSet<String>();
    VALUES.stream()
        .flatMap(value -> value.shows.stream())
        .map(line -> line.replaceFirst(" = .*", ""))
        .forEach(changed::add);
    assertThat(VARIABLES.stream().map(v -> "operator." + v.part.replaceFirst(" = .*", "")))
        .filteredOn(part -> !changed.contains(part))
        .containsExactlyInAnyOrder(
            "operator.ledger.passwordFile",
            "operator.httpPort",
            "operator.leaseNamespace",
            "operator.podName");
  }

  @ParameterizedTest
  @FieldSource("VALUES")
  void aValueChangesTheRendering(Value value) throws Exception {
    var values = Arrays.stream((value.key + "=" + value.to).split(";")).map(String::strip);
    List<String> effect =
        rendering(value.set, Helm.setJson(values)).changesFrom(rendering(value.set));
    assertThat(effect).containsAll(value.shows);
    assertThat(effect)
        .filteredOn(line -> line.startsWith("operator."))
        .allMatch(value.shows::contains);
    print("value", value.key, value.to, value.shows);
  }

  private static FlatValues rendering(String set, String... arguments) throws Exception {
    Manifests manifests = Helm.rendered(set, arguments);
    var lines = new FlatValues().with("operator", manifests.configuration());
    for (JsonNode object : manifests.objects()) {
      String name = object.path("kind").asText() + "/" + Manifests.nameOf(object);
      lines.with(name.replace("/tidy-luigi-operator", ""), object);
    }
    return lines;
  }

  // ---- fields of the resources

  private static final ResourceFields RUN =
      ResourceFields.of("pipelineruns.luigi-operator.io.yaml");
  private static final ResourceFields SCHEDULE =
      ResourceFields.of("pipelineschedules.luigi-operator.io.yaml");

  private static final String ONLY_BY_REFERENCE =
      "allow applies only to runs that reference a schedule, not to an inline pipeline";

  /** Fields of a spec without effect, with the reason. */
  private static final Map<String, String> WITHOUT_EFFECT =
      Map.of(
          "run spec.rerun.mode",
          "it has only one value, which is the default",
          "run spec.pipeline.allow.parameters[]",
          ONLY_BY_REFERENCE,
          "run spec.pipeline.allow.clientParameters[]",
          ONLY_BY_REFERENCE,
          "run spec.pipeline.allow.unlistedClients",
          ONLY_BY_REFERENCE,
          "run spec.pipeline.allow.priorities[]",
          ONLY_BY_REFERENCE,
          "run spec.pipeline.allow.maxAttempts",
          ONLY_BY_REFERENCE,
          "run spec.pipeline.allow.activeSeconds",
          ONLY_BY_REFERENCE);

  /** Fields with several effects, all of which must occur. */
  private static final Map<String, List<String>> REQUIRED_EFFECTS =
      Table.of(
              """
              spec.activeDeadlineSeconds           | .job.runner.timeouts.deadlineSeconds ; .job.spec.template.spec.activeDeadlineSeconds
              spec.client                          | .accepted.definition.mutexKey ; .job.runner.run.client ; .job.runner.task.params.carrier
              spec.date                            | .accepted.definition.businessDate ; .job.runner.run.date ; .job.runner.task.params.day
              spec.desiredState                    | .accepted.stateDetails.state ; .amended.stateDetails.state
              spec.maxAttempts                     | .accepted.budget.maxAttempts ; .amended.budget.maxAttempts
              spec.notBeforeTime                   | .accepted.times.notBefore ; .amended.times.notBefore
              spec.pipeline.mutex.group            | .accepted.definition.mutexKey
              spec.pipeline.mutex.scope            | .accepted.definition.mutexKey
              spec.pipeline.retry.maxAttempts      | .accepted.budget.maxAttempts ; .amended.budget.maxAttempts
              spec.pipeline.timeouts.activeSeconds | .job.runner.timeouts.deadlineSeconds ; .job.spec.template.spec.activeDeadlineSeconds
              spec.pipeline.timeouts.graceSeconds  | .job.runner.timeouts.graceSeconds ; .job.spec.template.spec.terminationGracePeriodSeconds ; .podGone
              spec.pipeline.timeouts.startSeconds  | .job.spec.template.spec.activeDeadlineSeconds ; .notStarted
              spec.priority                        | .accepted.times.admitAt ; .amended.times.admitAt
              spec.startDeadlineSeconds            | .accepted.times.startDeadline ; .amended.times.startDeadline
              """)
          .collect(
              Collectors.toUnmodifiableMap(c -> c.get(0), c -> List.of(c.get(1).split(" ; "))));

  static Stream<String> fieldsOfSpecs() {
    return fields("spec.");
  }

  /** Each field as the kind of its resource and its path. */
  private static Stream<String> fields(String half) {
    return Stream.of("run", "schedule")
        .flatMap(kind -> fieldsOf(kind).leaves().keySet().stream().map(path -> kind + " " + path))
        .filter(field -> path(field).startsWith(half));
  }

  private static ResourceFields fieldsOf(String field) {
    return field.startsWith("run") ? RUN : SCHEDULE;
  }

  private static String kind(String field) {
    return field.substring(0, field.indexOf(' '));
  }

  private static String path(String field) {
    return field.substring(field.indexOf(' ') + 1);
  }

  @ParameterizedTest
  @MethodSource("fieldsOfSpecs")
  void aSpecFieldHasAnEffect(String field) {
    var changes = new ArrayList<String>();
    var effect = new LinkedHashSet<String>();
    for (JsonNode document : kind(field).equals("run") ? RUNS : SCHEDULES) {
      for (ResourceFields.Change change : fieldsOf(field).changes(document, path(field))) {
        changes.add(change.description());
        effect.addAll(derived(change.document()).changesFrom(UNCHANGED.get(document)));
      }
    }
    assertThat(changes).as("documents that set %s", field).isNotEmpty();
    assertThat(effect.isEmpty())
        .as("no effect of %s: %s", field, changes)
        .isEqualTo(WITHOUT_EFFECT.containsKey(field));
    REQUIRED_EFFECTS
        .getOrDefault(path(field), List.of())
        .forEach(part -> assertThat(effect).as(field + part).anyMatch(line -> line.contains(part)));
    print("field", field, changes.getFirst(), List.copyOf(effect));
  }

  @Test
  void theExceptionsExist() {
    assertThat(fieldsOfSpecs()).containsAll(WITHOUT_EFFECT.keySet());
    assertThat(fieldsOfSpecs().map(EffectsTest::path)).containsAll(REQUIRED_EFFECTS.keySet());
  }

  /** Values of a run that a raised limit of the schedule allows, and one of its priorities. */
  private static final Map<String, JsonNode> BEYOND_LIMITS =
      Map.of(
          "maxAttempts", IntNode.valueOf(10),
          "activeDeadlineSeconds", IntNode.valueOf(86401),
          "priority", TextNode.valueOf("Critical"));

  private static final ObjectNode REFERENCE =
      withParameter(ResourceFields.valid("run-by-reference.yaml"));
  private static final List<ObjectNode> RUNS =
      List.of(
          ResourceFields.valid("run-inline.yaml"),
          withoutOverrides(ResourceFields.valid("run-inline.yaml")),
          REFERENCE);
  private static final List<ObjectNode> SCHEDULES =
      List.of(
          ResourceFields.valid("schedule.yaml"),
          onlyListedClients(ResourceFields.valid("schedule.yaml")));

  /** Sets a parameter; otherwise allow.parameters of the schedule has no effect. */
  private static ObjectNode withParameter(ObjectNode run) {
    var spec = (ObjectNode) run.get("spec");
    spec.put("date", "2013-01-15");
    spec.putArray("parameters").addObject().put("name", "note").put("value", "chosen");
    return run;
  }

  /** Removes fields of the run that override fields of its pipeline. */
  private static ObjectNode withoutOverrides(ObjectNode run) {
    ((ObjectNode) run.get("spec")).retain("pipeline", "client", "date");
    return run;
  }

  /**
   * Allows only listed clients; otherwise the list of clients has no effect. Fewer runs are caught
   * up than dates were missed; otherwise their number has none.
   */
  private static ObjectNode onlyListedClients(ObjectNode schedule) {
    ((ObjectNode) schedule.at("/spec/pipeline/allow")).remove("unlistedClients");
    ((ObjectNode) schedule.at("/spec/catchUp")).put("maxRunsPerClient", 2);
    return schedule;
  }

  private static final Map<JsonNode, FlatValues> UNCHANGED =
      Stream.concat(RUNS.stream(), SCHEDULES.stream())
          .collect(Collectors.toUnmodifiableMap(document -> document, EffectsTest::derived));

  /** Everything that the operator derives from a document. */
  private static FlatValues derived(JsonNode document) {
    var lines = new FlatValues();
    if (document.path("kind").asText().equals("PipelineRun")) {
      boolean byReference = document.at("/spec").has("scheduleRef");
      Optional<ScheduleObject> schedule =
          byReference ? Optional.of(DerivedState.schedule(SCHEDULES.getFirst())) : Optional.empty();
      DerivedState.of(document, schedule).describe("run", lines);
      return lines;
    }
    ScheduleObject schedule = DerivedState.schedule(document);
    lines.with(
        "ready",
        DerivedState.json(
            ScheduleView.of(
                schedule, TickSummary.withoutCrons(schedule), Optional.empty(), DerivedState.T0)));
    for (String client : List.of("acme", "globex", "initech", "unlisted")) {
      ObjectNode run = REFERENCE.deepCopy();
      ((ObjectNode) run.get("spec")).put("client", client);
      DerivedState.of(run, Optional.of(schedule)).describe(client, lines);
    }
    lines.with("ticks", DerivedState.json(DecidedTicks.of(schedule)));
    lines.with("backfills", DerivedState.json(PlannedBackfills.of(schedule)));
    lines.with("limit", DerivedState.json(AppliedLimit.of(schedule)));
    lines.with("history", DerivedState.json(KeptRuns.deletedBy(schedule)));
    lines.with("deletion", DerivedState.json(AppliedSpec.of(schedule)));
    BEYOND_LIMITS.forEach(
        (field, value) -> {
          ObjectNode run = REFERENCE.deepCopy();
          ((ObjectNode) run.get("spec")).set(field, value);
          DerivedState.of(run, Optional.of(schedule)).describe(field, lines);
        });
    return lines;
  }

  // ---- fields of statuses

  private static final Map<String, JsonNode> STATUSES = statuses();

  private static Map<String, JsonNode> statuses() {
    var statuses = new LinkedHashMap<String, JsonNode>();
    ScheduleObject schedule = DerivedState.schedule(SCHEDULES.getFirst());
    DerivedState.statuses(REFERENCE, schedule)
        .forEach((situation, status) -> statuses.put("run: " + situation, statusOf(status)));
    statuses.put(
        "schedule: unchanged",
        statusOf(
            ScheduleView.of(
                schedule, TickSummary.withoutCrons(schedule), Optional.empty(), DerivedState.T0)));
    var failed =
        new DatedRun(
            "2026-01-30",
            new RunKey("data", "nightly-acme-2026-01-30"),
            RunState.FAILED,
            "TaskFailed",
            "x",
            Optional.of(DerivedState.T0));
    TickSummary ticks =
        new TickSummary(
            Optional.of(TickSummary.Applied.of(schedule)),
            Optional.of(DerivedState.T0),
            Optional.of(DerivedState.T0),
            1,
            1,
            Optional.empty(),
            Optional.of(
                HealthSummary.of(Map.of("acme", ClientHealth.of(List.of(failed))), Map.of())),
            List.of(
                new BackfillProgress(
                    "q3", "Running", 1, 2, 1, 0, 0, 0, Optional.of("a client is skipped"))));
    statuses.put(
        "schedule: with cron times",
        statusOf(ScheduleView.of(schedule, ticks, Optional.empty(), DerivedState.T0)));
    return statuses;
  }

  private static JsonNode statusOf(Object status) {
    return DerivedState.json(Map.of("status", status));
  }

  static Stream<String> fieldsOfStatuses() {
    return fields("status.");
  }

  @ParameterizedTest
  @MethodSource("fieldsOfStatuses")
  void aStatusFieldIsReported(String field) {
    var reported = new ArrayList<String>();
    STATUSES.forEach(
        (situation, document) -> {
          if (situation.startsWith(kind(field))) {
            fieldsOf(field)
                .places(path(field), document)
                .forEach(place -> reported.add(situation + ": " + document.at(place)));
          }
        });
    assertThat(reported).as("situations that report %s", field).isNotEmpty();
    print("status", field, "", reported);
  }

  @Test
  void everyPhaseIsReported() {
    assertThat(STATUSES.values().stream().map(s -> s.at("/status/phase").asText()))
        .containsAll(Arrays.stream(Phase.values()).map(Phase::name).toList());
  }
}
