/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.chart;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.luigioperator.testing.Command;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.FieldSource;

/** The admission policies of the chart, with users with and without each right. */
class AdmissionPoliciesIT {
  private static final Duration POLICY_TIMEOUT = Duration.ofSeconds(60);

  private static final String OPERATOR =
      "system:serviceaccount:" + Helm.NAMESPACE + ":tidy-luigi-operator";

  private static final String OTHER_OPERATOR = "system:serviceaccount:other:luigi-operator";

  /**
   * Every user may write runs and schedules, and has the other rights according to its name.
   * Columns: role, namespace, group, resources, names, verbs, users.
   */
  private static final String USERS =
      Table.of(
              """
              write   | sales     | luigi-operator.io | pipelineruns, pipelineschedules |         | "*"    | no-pods no-clients pods pods-elsewhere pods-and-account support cleaner
              write   | elsewhere | luigi-operator.io | pipelineruns                    |         | create | no-clients pods-elsewhere clients-elsewhere system:serviceaccount:other:luigi-operator
              pods    | sales     | ""                | pods                            |         | create | pods pods-and-account
              pods    | elsewhere | ""                | pods                            |         | create | pods-elsewhere
              account | sales     | ""                | serviceaccounts                 | flights | use    | pods-and-account
              clients | sales     | luigi-operator.io | clients                         |         | run    | no-pods pods pods-elsewhere pods-and-account
              clients | elsewhere | luigi-operator.io | clients                         |         | run    | clients-elsewhere pods-elsewhere
              support | sales     | luigi-operator.io | clients                         | acme    | run    | support
              cleaner | sales     | luigi-operator.io | clients                         |         | delete | cleaner
              """)
          .map(AdmissionPoliciesIT::roleAndBinding)
          .collect(Collectors.joining("---\n"));

  private static final String RUN =
      """
      apiVersion: luigi-operator.io/v1beta1
      kind: PipelineRun
      metadata: {name: %s}
      spec: {client: %s, %s}
      """;

  private static final String SCHEDULE =
      """
      apiVersion: luigi-operator.io/v1beta1
      kind: PipelineSchedule
      metadata: {name: %s}
      spec: {clients: [{id: acme}], %s}
      """;

  /** acme has a parameter that runs may set themselves, and one that they may not. */
  private static final String CLIENTS =
      """
      apiVersion: luigi-operator.io/v1beta1
      kind: PipelineSchedule
      metadata: {name: %s}
      spec:
        pipeline: {image: i, task: {module: m, family: F}, allow: {parameters: [limit]}%s}
        clients:
        - {id: acme, parameters: [{name: limit, value: "1"}, {name: table, value: orders}]}
        - {id: globex}
      """;

  private static final String REFERENCE = "scheduleRef: {name: nightly}";
  private static final String PIPELINE = "pipeline: {image: i, task: {module: m, family: F}}";
  private static final String WITH_ACCOUNT =
      "pipeline: {image: i, task: {module: m, family: F}, serviceAccountName: flights}";

  private static final String WITH_TEMPLATE =
      "pipeline: {image: i, task: {module: m, family: F}, podTemplate: {spec: {affinity:"
          + " {nodeAffinity: {}}}}}";

  private static final String NEEDS_PODS =
      "may not create or change a pipeline, because this requires the verb create on pods in"
          + " namespace sales";
  private static final String NEEDS_ACCOUNT =
      "may not use the ServiceAccount flights, because this requires the verb use on it in"
          + " namespace sales";
  private static final String NEEDS_CLIENT =
      "may not %1$s PipelineRuns of client %2$s, because this requires the verb %1$s on"
          + " clients.luigi-operator.io with that name in namespace sales";

  private static ChartApiServer server;

  private static Command.Output withoutPerClient;

  /** Installs the chart with its defaults, then upgrades it with the policy per client. */
  @BeforeAll
  static void start() throws IOException {
    server = ChartApiServer.start("sales", "stock", "elsewhere");
    server.kubectl(USERS, "apply", "-f", "-").orFail();
    store(SCHEDULE.formatted("plain", PIPELINE));
    store(SCHEDULE.formatted("with-account", WITH_ACCOUNT));
    store(SCHEDULE.formatted("with-template", WITH_TEMPLATE));
    store(CLIENTS.formatted("with-clients", ""));
    store(CLIENTS.formatted("with-clients-and-account", ", serviceAccountName: flights"));
    store(
        SCHEDULE.formatted(
            "limited",
            PIPELINE.replace(
                "F}}", "F}, allow: {priorities: [Low], maxAttempts: 5, activeSeconds: 20000}}")));
    store(
        SCHEDULE.formatted(
            "generous", PIPELINE.replace("F}}", "F}, allow: {activeSeconds: 2592000}}")));
    store(RUN.formatted("of-limited", "acme", "scheduleRef: {name: limited}"));
    store(
        RUN.formatted(
            "beyond",
            "acme",
            "scheduleRef: {name: limited}, priority: High, maxAttempts: 50,"
                + " activeDeadlineSeconds: 90000"));
    store(RUN.formatted("acme-inline", "acme", PIPELINE));
    store(RUN.formatted("acme-account", "acme", WITH_ACCOUNT));
    store(RUN.formatted("acme-1", "acme", REFERENCE));
    store(made(RUN.formatted("made", "globex", REFERENCE)));
    store(RUN.formatted("globex-1", "globex", REFERENCE));

    helm("install");
    awaitRefusal("no-pods", RUN.formatted("r", "acme", PIPELINE));
    awaitRefusal("pods", RUN.formatted("r", "acme", WITH_ACCOUNT));
    withoutPerClient = create("no-clients", RUN.formatted("r", "acme", REFERENCE));

    helm(
        "upgrade",
        "--set",
        "admissionPolicies.perClient=true,admissionPolicies.exemptUsers={" + OTHER_OPERATOR + "}");
    awaitRefusal("no-clients", RUN.formatted("r", "acme", REFERENCE));
  }

  @AfterAll
  static void stop() {
    server.close();
  }

  private static final List<String> PLAIN =
      List.of(RUN.formatted("r", "acme", PIPELINE), SCHEDULE.formatted("s", PIPELINE));

  private static final List<String> NAMING_AN_ACCOUNT =
      List.of(RUN.formatted("r", "acme", WITH_ACCOUNT), SCHEDULE.formatted("s", WITH_ACCOUNT));

  @ParameterizedTest
  @FieldSource("PLAIN")
  void writingAPipelineRequiresTheRightToCreatePods(String document) {
    assertRefused(create("no-pods", document), "user no-pods " + NEEDS_PODS);
    assertRefused(create("pods-elsewhere", document), NEEDS_PODS);
    assertAccepted(create("pods", document));
  }

  @ParameterizedTest
  @FieldSource("NAMING_AN_ACCOUNT")
  void namingAServiceAccountRequiresTheVerbUse(String document) {
    assertRefused(create("pods", document), "user pods " + NEEDS_ACCOUNT);
    assertRefused(create("pods-and-account", document.replace("flights", "admin")), "admin");
    assertAccepted(create("pods-and-account", document));
  }

  @Test
  void changingThePipelineOfAScheduleRequiresTheSameRights() {
    String image = "{\"spec\": {\"pipeline\": {\"image\": \"other\"}}}";
    assertRefused(change("no-pods", "lps/plain", image), NEEDS_PODS);
    assertAccepted(change("pods", "lps/plain", image));
    assertRefused(change("pods", "lps/with-account", image), NEEDS_ACCOUNT);
    assertAccepted(change("pods-and-account", "lps/with-account", image));

    String account = "{\"spec\": {\"pipeline\": {\"serviceAccountName\": \"flights\"}}}";
    assertRefused(change("pods", "lps/plain", account), NEEDS_ACCOUNT);
    assertAccepted(change("pods-and-account", "lps/plain", account));
  }

  /** In the CEL rules of the CRDs, open objects with different fields can be equal. */
  @Test
  void aRenamedFieldOfAnOpenObjectIsAChange() {
    String affinity =
        """
        {"spec": {"pipeline": {"podTemplate": {"spec": {"affinity":
          {"nodeAffinity": null, "podAffinity": {}}}}}}}
        """;
    assertRefused(change("no-pods", "lps/with-template", affinity), NEEDS_PODS);
    assertAccepted(change("pods", "lps/with-template", affinity));
  }

  private static final List<String> CHANGES_OF_PROTECTED_PARAMETERS =
      List.of(
          // another value, a new parameter, without the parameter, without the client
          "[{id: acme, parameters: [{name: table, value: salaries}]}, {id: globex}]",
          "[{id: acme, parameters: [{name: table, value: orders}, {name: x, value: z}]}]",
          "[{id: acme, parameters: [{name: limit, value: '1'}]}, {id: globex}]",
          "[{id: globex}]",
          "[]",
          // of another client, under another id, of a new client
          "[{id: acme, parameters: [{name: table, value: orders}]},"
              + " {id: globex, parameters: [{name: table, value: orders}]}]",
          "[{id: globex, parameters: [{name: table, value: orders}]}]",
          "[{id: acme, parameters: [{name: table, value: orders}]},"
              + " {id: initech, parameters: [{name: module, value: os}]}]");

  /** They reach the pod like the parameters of the pipeline, which is protected, too. */
  @ParameterizedTest
  @FieldSource("CHANGES_OF_PROTECTED_PARAMETERS")
  void changingParametersOfClientsThatRunsMayNotSetRequiresTheSameRights(String clients) {
    String patch = "spec: {clients: " + clients + "}";
    assertRefused(
        change("no-pods", "lps/with-clients", patch),
        "user no-pods may not change parameters of clients that spec.pipeline.allow.parameters does"
            + " not list, because this requires the verb create on pods in namespace sales");
    assertRefused(change("pods-elsewhere", "lps/with-clients", patch), "may not change parameters");
    assertAccepted(change("pods", "lps/with-clients", patch));
    assertRefused(change("pods", "lps/with-clients-and-account", patch), NEEDS_ACCOUNT);
    assertAccepted(change("pods-and-account", "lps/with-clients-and-account", patch));
  }

  private static final List<String> CHANGES_OF_OTHER_PARAMETERS =
      List.of(
          "[{id: acme, parameters: [{name: limit, value: '9'}, {name: table, value: orders}]},"
              + " {id: globex}]",
          "[{id: acme, parameters: [{name: table, value: orders}]}, {id: globex}]",
          "[{id: acme, parameters: [{name: table, value: orders}]},"
              + " {id: initech, parameters: [{name: limit, value: '5'}]}]",
          "[{id: initech}, {id: acme, parameters: [{name: table, value: orders}]}]");

  @ParameterizedTest
  @FieldSource("CHANGES_OF_OTHER_PARAMETERS")
  void clientsAndParametersThatRunsMaySetRequireNoRightToPods(String clients) {
    String patch = "spec: {clients: " + clients + "}";
    assertAccepted(change("no-pods", "lps/with-clients", patch));
    assertAccepted(change("no-pods", "lps/with-clients-and-account", patch));
  }

  /** With as many clients as the definitions allow, the cost limit of CEL is not exceeded. */
  @Test
  void thePoliciesEvaluateTheLargestSchedule() {
    String allowed =
        IntStream.range(0, 64).mapToObj("p%d"::formatted).collect(Collectors.joining(", "));
    String parameters =
        IntStream.range(0, 16)
            .mapToObj("{name: q%d, value: v}"::formatted)
            .collect(Collectors.joining(", "));
    String clients =
        IntStream.range(0, 499)
            .mapToObj(i -> "{id: c%d, parameters: [%s]}".formatted(i, parameters))
            .collect(Collectors.joining(", "));
    store(
        SCHEDULE
            .replace("[{id: acme}]", "[" + clients + "]")
            .formatted("largest", PIPELINE.replace("F}", "F}, allow: {parameters: [%s]}"))
            .formatted(allowed));
    String changed = clients.replace("{id: c0,", "{id: new,");
    assertRefused(changeClients("no-pods", changed), "may not change parameters");
    assertAccepted(changeClients("pods", changed));
    assertAccepted(changeClients("no-pods", "{id: new}, " + clients));
  }

  private static Command.Output changeClients(String user, String clients) {
    String patch = "spec: {priority: Low, clients: [" + clients + "]}";
    return as(
        user, "sales", patch, "patch", "lps/largest", "--type=merge", "--patch-file=/dev/stdin");
  }

  /** It is a field of the pod; the other fields of a run with an inline pipeline cannot change. */
  @Test
  void changingTheDeadlineOfAnInlineRunRequiresTheSameRights() {
    String deadline = "spec: {activeDeadlineSeconds: 2592000}";
    assertRefused(change("no-pods", "lpr/acme-inline", deadline), NEEDS_PODS);
    assertAccepted(change("pods", "lpr/acme-inline", deadline));
    assertRefused(change("pods", "lpr/acme-account", deadline), NEEDS_ACCOUNT);
    assertAccepted(change("pods-and-account", "lpr/acme-account", deadline));
    assertAccepted(change("no-pods", "lpr/acme-inline", "spec: {desiredState: Held}"));
    assertAccepted(change("no-pods", "lpr/acme-inline", "spec: {maxAttempts: 1}"));
    assertAccepted(change("no-pods", "lpr/acme-1", deadline));
  }

  @Test
  void changesWithoutEffectOnPodsRequireNoRightToPods() {
    String clients = "{\"spec\": {\"clients\": [{\"id\": \"globex\"}], \"priority\": \"Low\"}}";
    assertAccepted(change("no-pods", "lps/plain", clients));
    assertAccepted(change("no-pods", "lps/with-account", clients));
    assertAccepted(create("no-pods", RUN.formatted("r", "acme", REFERENCE)));
    assertAccepted(remove("no-pods", "lps/with-account"));
  }

  /** Of the schedule that a run references; other schedules and inline pipelines have no effect. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "priority: Critical           | spec.priority Critical is not in pipeline.allow.priorities",
        "maxAttempts: 6               | spec.maxAttempts 6 is more than pipeline.allow.maxAttempts 5",
        "activeDeadlineSeconds: 20001 | spec.activeDeadlineSeconds 20001 is more than 20000",
      })
  void runsMayNotExceedTheLimitsOfTheirSchedule(String field, String message) {
    String run = RUN.formatted("r", "acme", "scheduleRef: {name: limited}, " + field);
    assertRefused(create("no-pods", run), message);
    assertRefused(create("pods-and-account", run), "PipelineSchedule limited");
    assertRefused(change("no-pods", "lpr/of-limited", "spec: {" + field + "}"), message);
    assertAccepted(create("no-pods", run.replace("limited", "generous")));
    assertAccepted(create("no-pods", run.replace("limited", "missing")));
    assertAccepted(create("pods", run.replace("scheduleRef: {name: limited}", PIPELINE)));
    assertAccepted(
        create("no-pods", run.replaceFirst("2000\\d|6\\b", "5").replace("Critical", "Low")));
  }

  /** For example to cancel them. */
  @Test
  void runsBeyondALimitThatWasLoweredCanBeChanged() {
    String canceled = "spec: {desiredState: Canceled}";
    assertAccepted(change("no-pods", "lpr/beyond", canceled));
    assertRefused(change("no-pods", "lpr/beyond", "spec: {maxAttempts: 51}"), "maxAttempts 51");
  }

  @Test
  void theDefinitionsRefuseAServiceAccountInThePodTemplate() {
    String hidden =
        PIPELINE.replace("F}}", "F}, podTemplate: {spec: {serviceAccountName: admin}}}");
    assertRefused(
        create("pods-and-account", RUN.formatted("r", "acme", hidden)),
        "podTemplate may not set serviceAccountName");
  }

  @Test
  void perClientRightsAreRequiredOnlyIfEnabled() {
    assertAccepted(withoutPerClient);
  }

  @Test
  void supportMayRunOnlyOneClient() {
    assertAccepted(create("support", RUN.formatted("r", "acme", REFERENCE)));
    assertRefused(
        create("support", RUN.formatted("r", "globex", REFERENCE)),
        "user support " + NEEDS_CLIENT.formatted("run", "globex"));

    String canceled = "{\"spec\": {\"desiredState\": \"Canceled\"}}";
    assertAccepted(change("support", "lpr/acme-1", canceled));
    assertRefused(
        change("support", "lpr/globex-1", canceled), NEEDS_CLIENT.formatted("run", "globex"));
  }

  @Test
  void deletingARunRequiresTheVerbDelete() {
    assertRefused(remove("support", "lpr/acme-1"), NEEDS_CLIENT.formatted("delete", "acme"));
    assertAccepted(remove("cleaner", "lpr/acme-1"));
    assertRefused(
        create("cleaner", RUN.formatted("r", "acme", REFERENCE)),
        NEEDS_CLIENT.formatted("run", "acme"));
  }

  /** The garbage collector removes finalizers and has no rights to clients. */
  @Test
  void changingMetadataRequiresNoRightToTheClient() {
    String metadata = "{\"metadata\": {\"finalizers\": [\"example.com/keep\"]}}";
    assertAccepted(change("no-clients", "lpr/acme-1", metadata));
  }

  private static final List<String> CHANGES_THAT_DELETE =
      List.of(
          // the garbage collector deletes an object whose owner does not exist
          "metadata: {ownerReferences: [{apiVersion: v1, kind: ConfigMap, name: none, uid: '1'}]}",
          // the operator deletes runs that it created some time after their end
          "metadata: {labels: {app.kubernetes.io/managed-by: luigi-operator}}");

  @ParameterizedTest
  @FieldSource("CHANGES_THAT_DELETE")
  void metadataWithWhichARunIsDeletedRequiresTheVerbDelete(String metadata) {
    assertRefused(
        change("no-clients", "lpr/globex-1", metadata),
        "may not delete PipelineRuns of client globex, or change ownerReferences");
    assertRefused(change("no-pods", "lpr/globex-1", metadata), "may not delete PipelineRuns");
    assertRefused(
        change("no-pods", "lpr/globex-1", "spec: {desiredState: Held}\n" + metadata),
        "may not delete PipelineRuns");
    assertAccepted(change("cleaner", "lpr/globex-1", metadata));
    assertRefused(
        change("cleaner", "lpr/globex-1", "spec: {desiredState: Held}\n" + metadata),
        NEEDS_CLIENT.formatted("run", "globex"));
  }

  /** Another policy restricts it, see OperatorPolicyIT. */
  @Test
  void theOperatorIsExempt() {
    assertAccepted(create(OPERATOR, made(RUN.formatted("r", "globex", WITH_ACCOUNT))));
    assertAccepted(remove(OPERATOR, "lpr/made"));
  }

  private static String made(String run) {
    return run.replace(
        "metadata: {", "metadata: {labels: {app.kubernetes.io/managed-by: luigi-operator}, ");
  }

  /** Otherwise a run written there would start when the operator handles the namespace later. */
  @Test
  void thePoliciesApplyToNamespacesThatTheOperatorDoesNotHandle() {
    assertRefused(
        create("clients-elsewhere", "elsewhere", RUN.formatted("r", "globex", PIPELINE)),
        "may not create or change a pipeline");
    assertRefused(
        create("pods-elsewhere", "elsewhere", RUN.formatted("r", "globex", WITH_ACCOUNT)),
        "may not use the ServiceAccount flights");
    assertRefused(
        create("no-clients", "elsewhere", RUN.formatted("r", "globex", REFERENCE)),
        "may not run PipelineRuns of client globex");
    assertAccepted(
        create("clients-elsewhere", "elsewhere", RUN.formatted("r", "globex", REFERENCE)));
  }

  /** The operator of another release creates runs that another cluster accepted, too. */
  @Test
  void exemptUsersAreExempt() {
    assertAccepted(create(OTHER_OPERATOR, "elsewhere", RUN.formatted("r", "globex", WITH_ACCOUNT)));
  }

  private static String roleAndBinding(List<String> row) {
    String users =
        Stream.of(row.getLast().split(" "))
            .map("{apiGroup: rbac.authorization.k8s.io, kind: User, name: %s}"::formatted)
            .collect(Collectors.joining(", "));
    return """
        apiVersion: rbac.authorization.k8s.io/v1
        kind: Role
        metadata: {name: %1$s, namespace: %2$s}
        rules: [{apiGroups: [%3$s], resources: [%4$s], resourceNames: [%5$s], verbs: [%6$s]}]
        ---
        apiVersion: rbac.authorization.k8s.io/v1
        kind: RoleBinding
        metadata: {name: %1$s, namespace: %2$s}
        roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: %1$s}
        subjects: [%7$s]
        """
        .formatted(row.get(0), row.get(1), row.get(2), row.get(3), row.get(4), row.get(5), users);
  }

  private static void helm(String verb, String... further) {
    server.helm().operator(verb, "namespaces", further).orFail();
  }

  private static void store(String document) {
    server.kubectl(document, "create", "-n", "sales", "-f", "-").orFail();
  }

  /**
   * Waits until the API server applies the policies, which happens shortly after their creation.
   */
  private static void awaitRefusal(String user, String document) {
    await().atMost(POLICY_TIMEOUT).until(() -> create(user, document).exitCode() != 0);
  }

  private static Command.Output create(String user, String document) {
    return create(user, "sales", document);
  }

  private static Command.Output create(String user, String namespace, String document) {
    return as(user, namespace, document, "create", "-f", "-");
  }

  private static Command.Output change(String user, String object, String patch) {
    return as(user, "sales", "", "patch", object, "--type=merge", "--patch=" + patch);
  }

  private static Command.Output remove(String user, String object) {
    return as(user, "sales", "", "delete", object);
  }

  /** Runs kubectl as a dry run, so that no test changes an object. */
  private static Command.Output as(
      String user, String namespace, String input, String... arguments) {
    var all = new ArrayList<>(List.of(arguments));
    all.addAll(List.of("--dry-run=server", "-n", namespace, "--as=" + user));
    return server.kubectl(input, all.toArray(String[]::new));
  }

  private static void assertAccepted(Command.Output output) {
    assertThat(output.stderr()).isEmpty();
    assertThat(output.exitCode()).isZero();
  }

  private static void assertRefused(Command.Output output, String message) {
    assertThat(output.refusal()).contains(message);
  }
}
