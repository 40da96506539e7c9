/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.chart;

import static io.luigioperator.chart.Manifests.each;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.luigioperator.testing.Command;
import io.luigioperator.testing.Repository;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Properties of every rendering, and values that Helm refuses. */
class ChartTest {

  @ForEachValuesFile
  void lintsWithoutAWarning(String set) {
    var output =
        Helm.offline()
            .run("lint", "--strict", Helm.chart(Helm.OPERATOR), "-f", Helm.values(set))
            .orFail();
    assertThat(output).doesNotContain("WARNING", "ERROR");
  }

  @Test
  void theCrdChartLintsWithoutAWarning() {
    var output = Helm.offline().run("lint", "--strict", Helm.chart(Helm.CRDS)).orFail();
    assertThat(output).doesNotContain("WARNING", "ERROR");
  }

  @ForEachValuesFile
  void everyObjectHasReleaseLabelAndNamespace(String set) {
    for (JsonNode object : Helm.rendered(set).objects()) {
      assertThat(object.at("/metadata/labels/app.kubernetes.io~1instance").asText())
          .as("%s", object.path("metadata"))
          .isEqualTo(Helm.RELEASE);
      if (List.of("Deployment", "StatefulSet", "Service", "Secret", "ServiceAccount", "Pod")
          .contains(object.path("kind").asText())) {
        assertThat(object.at("/metadata/namespace").asText()).isEqualTo(Helm.NAMESPACE);
      }
    }
  }

  /** Two releases must not have cluster-scoped objects with the same name. */
  @Test
  void anotherNamespaceHasOtherClusterScopedNames() {
    var here = clusterScoped(Helm.rendered("production"));
    var there = clusterScoped(Helm.rendered("production", "--namespace", "elsewhere"));
    assertThat(here).hasSameSizeAs(there).isNotEmpty().doesNotContainAnyElementsOf(there);
  }

  private static List<String> clusterScoped(Manifests manifests) {
    return manifests.objects().stream()
        .filter(o -> !o.at("/metadata").has("namespace"))
        .map(o -> o.path("kind").asText() + " " + Manifests.nameOf(o))
        .toList();
  }

  /** The selectors of all objects match the labels of the intended pods. */
  @ForEachValuesFile
  void selectorsSelectTheirPodsAndNoOthers(String set) {
    var manifests = Helm.rendered(set);
    var pods = manifests.podTemplates().toList();
    var selectors = new TreeMap<String, JsonNode>();
    manifests
        .ofKind("Service")
        .forEach(o -> selectors.put("Service " + Manifests.nameOf(o), o.at("/spec/selector")));
    for (String kind : List.of("Deployment", "StatefulSet", "PodDisruptionBudget")) {
      manifests
          .ofKind(kind)
          .forEach(
              o -> selectors.put(kind + Manifests.nameOf(o), o.at("/spec/selector/matchLabels")));
    }
    manifests
        .ofKind("NetworkPolicy")
        .forEach(
            o ->
                selectors.put(
                    "NetworkPolicy " + Manifests.nameOf(o), o.at("/spec/podSelector/matchLabels")));
    selectors.forEach(
        (name, selector) -> {
          String component = name.endsWith("-mysql") ? "mysql" : "operator";
          assertThat(pods.stream().filter(pod -> selects(selector, pod)).map(Manifests::component))
              .as(name)
              .containsExactly(component);
        });
    var deployment = manifests.only("Deployment");
    assertThat(each(deployment.at("/spec/template/spec/topologySpreadConstraints")))
        .hasSize(2)
        .allSatisfy(
            spread -> {
              assertThat(selects(spread.at("/labelSelector/matchLabels"), pods.getFirst()))
                  .isEqualTo(Manifests.component(pods.getFirst()).equals("operator"));
              assertThat(spread.path("whenUnsatisfiable").asText()).isEqualTo("ScheduleAnyway");
            });
  }

  private static boolean selects(JsonNode selector, JsonNode pod) {
    assertThat(selector.isEmpty()).isFalse();
    return selector.properties().stream()
        .allMatch(e -> e.getValue().equals(pod.at("/metadata/labels").path(e.getKey())));
  }

  /** A restart does not help if the database is unavailable, so only readiness may depend on it. */
  @Test
  void livenessAndReadinessUseDifferentEndpoints() {
    JsonNode container =
        Helm.rendered("production").only("Deployment").at("/spec/template/spec/containers/0");
    assertThat(container.at("/livenessProbe/httpGet/path").asText()).isEqualTo("/livez");
    assertThat(container.at("/readinessProbe/httpGet/path").asText()).isEqualTo("/readyz");
  }

  /**
   * After kill -9 on a busy node, the Java runtime may need longer than the liveness probe waits.
   */
  @Test
  void aSlowStartIsNotKilled() {
    JsonNode container =
        Helm.rendered("production").only("Deployment").at("/spec/template/spec/containers/0");
    JsonNode probe = container.path("startupProbe");
    assertThat(probe.path("httpGet")).isEqualTo(container.at("/livenessProbe/httpGet"));
    assertThat(probe.path("periodSeconds").asInt() * probe.path("failureThreshold").asInt())
        .isGreaterThanOrEqualTo(300);
  }

  /** Otherwise every new version of the chart restarts the pods, also if nothing else changes. */
  @ForEachValuesFile
  void podsDoNotHaveTheVersionOfTheChart(String set) {
    assertThat(Helm.rendered(set).podTemplates())
        .isNotEmpty()
        .allSatisfy(pod -> assertThat(pod.at("/metadata/labels").has("helm.sh/chart")).isFalse());
  }

  @ForEachValuesFile
  void everyPodRunsAsTheUserOfTheImage(String set) {
    String user = set.equals("production-full") ? "20002" : "10001";
    assertThat(Helm.rendered(set).podTemplates())
        .isNotEmpty()
        .allSatisfy(
            pod -> {
              assertThat(pod.at("/spec/securityContext/runAsUser").asText()).isEqualTo(user);
              assertThat(pod.at("/spec/securityContext/runAsGroup").asText()).isEqualTo("10001");
            });
  }

  /** OpenShift assigns them, and refuses others. */
  @ParameterizedTest
  @ValueSource(strings = {"production", "demo"})
  void theUsersAndGroupsOfThePodsCanBeRemoved(String set) {
    var without =
        Helm.rendered(
            set,
            "--set",
            "podSecurityContext.runAsUser=null,podSecurityContext.runAsGroup=null,"
                + "podSecurityContext.fsGroup=null");
    assertThat(without.podTemplates())
        .isNotEmpty()
        .allSatisfy(
            pod -> {
              JsonNode context = pod.at("/spec/securityContext");
              assertThat(context.has("runAsUser")).isFalse();
              assertThat(context.has("runAsGroup")).isFalse();
              assertThat(context.has("fsGroup")).isFalse();
              assertThat(context.path("runAsNonRoot").asBoolean()).isTrue();
            });
  }

  @Test
  void labelsOfThePodsAndMonitorsOverrideTheCommonOnes() {
    var rendered =
        Helm.rendered(
            "production",
            "--set",
            "commonLabels.team=a,podLabels.team=b,serviceMonitor.enabled=true,"
                + "serviceMonitor.labels.team=c");
    var deployment = rendered.only("Deployment");
    assertThat(deployment.at("/metadata/labels/team").asText()).isEqualTo("a");
    assertThat(deployment.at("/spec/template/metadata/labels/team").asText()).isEqualTo("b");
    assertThat(rendered.only("ServiceMonitor").at("/metadata/labels/team").asText()).isEqualTo("c");
  }

  @Test
  void anEmptyListRemovesTheSpread() {
    assertThat(
            Helm.rendered("production", "--set-json", "topologySpreadConstraints=[]")
                .only("Deployment")
                .at("/spec/template/spec")
                .has("topologySpreadConstraints"))
        .isFalse();
  }

  @Test
  void theTestPodRequestsTheServiceOfTheOperator() {
    var manifests = Helm.rendered("production");
    var service = manifests.only("Service");
    var pod = manifests.only("Pod");
    assertThat(pod.at("/metadata/annotations/helm.sh~1hook").asText()).isEqualTo("test");
    assertThat(Manifests.texts(pod.at("/spec/containers/0/args")))
        .containsExactly(
            "probe",
            "http://"
                + Manifests.nameOf(service)
                + ":"
                + service.at("/spec/ports/0/port").asText()
                + "/readyz");
    assertThat(pod.at("/spec/containers/0/image"))
        .isEqualTo(manifests.only("Deployment").at("/spec/template/spec/containers/0/image"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"1.32.0", "1.32.3-gke.1", "1.35.4", "2.0.0"})
  void supportedVersionsOfKubernetesAreAccepted(String version) {
    Helm.offline().template("production", "--kube-version", version).orFail();
    Helm.offline().definitions("template", "--kube-version", version).orFail();
  }

  @Test
  void olderVersionsOfKubernetesAreRefused() {
    String version = "--kube-version=1.31.14";
    for (Command.Output output :
        List.of(
            Helm.offline().template("production", version),
            Helm.offline().definitions("template", version))) {
      assertThat(output.refusal())
          .contains(
              "chart requires kubeVersion: >=1.32.0-0 which is incompatible with Kubernetes v1.31.14");
    }
  }

  /** Each message says what to do. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          production | mysql.host=""                    | mysql.host is missing: set it to the host name of your MySQL server
          production | mysql.existingSecret=""          | mysql.existingSecret is missing: create a Secret with the keys username and password
          production | clusterId=""                     | clusterId is missing: set it to a name of this Kubernetes cluster
          production-least | mysql.caSecret="ca"        | mysql.caSecret has no effect with mysql.sslMode REQUIRED: set mysql.sslMode to VERIFY_CA or VERIFY_IDENTITY
          demo       | mysql.host="db"                  | leave mysql.host, mysql.existingSecret and mysql.caSecret empty, or set profile to production
          demo       | mysql.existingSecret="ledger"    | leave mysql.host, mysql.existingSecret and mysql.caSecret empty, or set profile to production
          demo       | mysql.database="my-ledger"       | with profile demo, mysql.database may contain only letters, digits and _
          production | podLabels={"helm.sh/chart":"x"}  | podLabels must not contain helm.sh/chart, because the chart sets it: remove it
          production | commonLabels={"app.kubernetes.io/name":"x"} | commonLabels must not contain app.kubernetes.io/name, because the chart sets it: remove it
          production | serviceAccount.create=false      | serviceAccount.name is missing: set it to an existing ServiceAccount
          production | extraEnv=[{"name":"LUIGI_OPERATOR_LOG_LEVEL"}] | extraEnv must not contain LUIGI_OPERATOR_LOG_LEVEL: set the value of the chart instead
          production | watchNamespaces=["a","luigi-system"] | watchNamespaces contains luigi-system, but the admission policies keep the operator from running pods in its own namespace
          production | watchNamespaces=["kube-system"]   | watchNamespaces contains kube-system
          production | priorities.headStartSeconds.low=4000 | priorities.headStartSeconds must not decrease from low to normal, high and critical
          """)
  void contradictoryValuesAreRefused(String set, String change, String message) {
    assertThat(Helm.offline().template(set, "--set-json", change).refusal()).contains(message);
  }

  @Test
  void theDemoSaysThatItIsForTryingTheOperatorOnly() {
    var output = notes("demo");
    assertThat(output).contains("for trying the operator only", "deleted with the release");
    assertThat(notes("production")).doesNotContain("for trying the operator only");
    for (String kind : List.of("Secret", "StatefulSet")) {
      assertThat(
              Helm.rendered("demo")
                  .only(kind)
                  .at("/metadata/annotations/luigi-operator.io~1demo-only")
                  .asText())
          .contains("profile demo");
    }
  }

  @Test
  void theNotesContainTheNextCommands() {
    assertThat(notes("production"))
        .contains(
            "kubectl -n luigi-system rollout status deployment/tidy-luigi-operator",
            "helm test -n luigi-system tidy",
            "kubectl -n flights get lpr",
            "Whether it is enforced depends on the network plugin of the cluster.");
    assertThat(notes("namespaces"))
        .contains("kubectl -n sales get lpr", "in these namespaces: sales, stock.")
        .doesNotContain("flights");
    assertThat(notes("namespaces", "--set", "watchNamespaces={flights}"))
        .contains("kubectl -n flights get lpr", "in these namespaces: flights.");
    assertThat(notes("production-least")).doesNotContain("NetworkPolicy");
  }

  /** The commands have no namespace option, so each object must have its namespace. */
  @Test
  void theFilesInTheNotesExistAndHaveANamespace() throws IOException {
    var files =
        Pattern.compile("-f (\\S+)")
            .matcher(notes("production"))
            .results()
            .map(match -> match.group(1))
            .toList();
    assertThat(files).contains("examples/flights/runs.yaml");
    for (String file : files) {
      for (JsonNode object : Manifests.parse(Files.readString(Repository.path(file))).objects()) {
        var inNamespace = object.at("/metadata/namespace").asText(Manifests.nameOf(object));
        assertThat(inNamespace).as("%s in %s", object.path("kind"), file).isEqualTo("flights");
      }
    }
  }

  private static String notes(String set, String... further) {
    var arguments = new ArrayList<>(List.of(further));
    arguments.add("--dry-run=client");
    return Helm.offline().operator("install", set, arguments.toArray(String[]::new)).orFail();
  }

  /** The same command generates both copies. */
  @Test
  void theChartContainsTheGeneratedDefinitions() throws IOException {
    Path source = Repository.path("crds");
    Path copy = Repository.path("helm/luigi-operator-crds/files");
    assertThat(contents(source)).hasSize(2);
    assertThat(contents(copy).equals(contents(source)))
        .as("%s differs from %s; run the command in the header of these files", copy, source)
        .isTrue();
  }

  private static TreeMap<String, String> contents(Path folder) throws IOException {
    var files = new TreeMap<String, String>();
    try (var paths = Files.newDirectoryStream(folder, "*.yaml")) {
      for (Path path : paths) {
        files.put(path.getFileName().toString(), Files.readString(path));
      }
    }
    return files;
  }

  @Test
  void theRenderedDefinitionsHaveTheKeepPolicyAndAnUnchangedSpec() throws IOException {
    var rendered = Manifests.parse(Helm.offline().definitions("template").orFail());
    var sources = contents(Repository.path("crds"));
    assertThat(rendered.objects().size()).isEqualTo(sources.size()).isEqualTo(2);
    for (String text : sources.values()) {
      JsonNode source = Manifests.parse(text).only("CustomResourceDefinition");
      JsonNode made = rendered.named("CustomResourceDefinition", Manifests.nameOf(source));
      assertThat(made.at("/metadata/annotations/helm.sh~1resource-policy").asText())
          .isEqualTo("keep");
      assertThat(made.path("spec").equals(source.path("spec")))
          .as("the spec of %s is unchanged", Manifests.nameOf(source))
          .isTrue();
    }
  }
}
