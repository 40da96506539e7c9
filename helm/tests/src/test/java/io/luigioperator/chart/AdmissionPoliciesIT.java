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
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;

/** The admission policies of the chart, with users with and without each right. */
class AdmissionPoliciesIT {
  private static final Duration POLICY_TIMEOUT = Duration.ofSeconds(60);

  private static final String OPERATOR =
      "system:serviceaccount:" + Helm.NAMESPACE + ":tidy-luigi-operator";

  /**
   * Every user may write runs and schedules, and has the other rights according to its name.
   * Columns: role, namespace, group, resources, names, verbs, users.
   */
  private static final String USERS =
      Table.of(
              """
              write   | sales     | luigi-operator.io | pipelineruns, pipelineschedules |         | "*"    | no-pods no-clients pods pods-elsewhere pods-and-account support cleaner
              write   | elsewhere | luigi-operator.io | pipelineruns                    |         | create | no-clients
              pods    | sales     | ""                | pods                            |         | create | pods pods-and-account
              pods    | elsewhere | ""                | pods                            |         | create | pods-elsewhere
              account | sales     | ""                | serviceaccounts                 | flights | use    | pods-and-account
              clients | sales     | luigi-operator.io | clients                         |         | run    | no-pods pods pods-elsewhere pods-and-account
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
    store(RUN.formatted("acme-1", "acme", REFERENCE));
    store(RUN.formatted("globex-1", "globex", REFERENCE));

    helm("install");
    awaitRefusal("no-pods", RUN.formatted("r", "acme", PIPELINE));
    awaitRefusal("pods", RUN.formatted("r", "acme", WITH_ACCOUNT));
    withoutPerClient = create("no-clients", RUN.formatted("r", "acme", REFERENCE));

    helm("upgrade", "--set", "admissionPolicies.perClient=true");
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

  @Test
  void changesWithoutEffectOnPodsRequireNoRightToPods() {
    String clients = "{\"spec\": {\"clients\": [{\"id\": \"globex\"}], \"priority\": \"Low\"}}";
    assertAccepted(change("no-pods", "lps/plain", clients));
    assertAccepted(change("no-pods", "lps/with-account", clients));
    assertAccepted(create("no-pods", RUN.formatted("r", "acme", REFERENCE)));
    assertAccepted(remove("no-pods", "lps/with-account"));
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

  @Test
  void theOperatorIsExempt() {
    assertAccepted(create(OPERATOR, RUN.formatted("r", "globex", WITH_ACCOUNT)));
    assertAccepted(remove(OPERATOR, "lpr/globex-1"));
  }

  @Test
  void thePoliciesDoNotApplyToOtherNamespaces() {
    String document = RUN.formatted("r", "globex", WITH_ACCOUNT);
    assertAccepted(as("no-clients", "elsewhere", document, "create", "-f", "-"));
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
    return as(user, "sales", document, "create", "-f", "-");
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
