/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.chart;

import static io.luigioperator.chart.Manifests.component;
import static io.luigioperator.chart.Manifests.each;
import static io.luigioperator.chart.Manifests.nameOf;
import static io.luigioperator.chart.Manifests.texts;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The operator has exactly the rights in this table, with all values. */
class RbacTest {
  /** scope, group, resource, names, verbs. */
  static final List<Right> TABLE =
      Table.of(
              """
              cluster   |                      | namespaces                | -                                                                | get
              cluster   | apiextensions.k8s.io | customresourcedefinitions | pipelineruns.luigi-operator.io pipelineschedules.luigi-operator.io | get
              cluster   |                      | nodes                     | -                                                                | get
              runs      | luigi-operator.io    | pipelineruns              | -                                                                | create delete get list watch
              runs      | luigi-operator.io    | pipelineruns/status       | -                                                                | patch
              runs      | luigi-operator.io    | pipelineschedules         | -                                                                | get list watch
              runs      | luigi-operator.io    | pipelineschedules/status  | -                                                                | patch
              runs      | batch                | jobs                      | -                                                                | create delete get list watch
              runs      |                      | pods                      | -                                                                | create delete get list patch watch
              runs      |                      | events                    | -                                                                | create list
              own       | coordination.k8s.io  | leases                    | -                                                                | create
              own       | coordination.k8s.io  | leases                    | tidy-luigi-operator                                              | get update
              """)
          .map(c -> new Right(c.get(0), c.get(1), c.get(2), c.get(3), c.get(4)))
          .toList();

  record Right(String scope, String group, String resource, String names, String verbs)
      implements Comparable<Right> {
    @Override
    public int compareTo(Right other) {
      return toString().compareTo(other.toString());
    }
  }

  @ForEachValuesFile
  void grantsExactlyTheTable(String set) {
    var granted = new TreeSet<Right>();
    var manifests = Helm.rendered(set);
    // Roles without a binding are for users, see UserRolesIT.
    var bound =
        Stream.of("ClusterRoleBinding", "RoleBinding")
            .flatMap(manifests::ofKind)
            .map(binding -> binding.at("/roleRef/name").asText())
            .toList();
    for (String kind : List.of("ClusterRole", "Role")) {
      manifests
          .ofKind(kind)
          .filter(role -> bound.contains(nameOf(role)))
          .forEach(
              role -> {
                assertThat(role.has("aggregationRule")).isFalse();
                each(role.path("rules")).forEach(rule -> collect(scope(role), rule, granted));
              });
    }
    assertThat(granted).containsExactlyInAnyOrderElementsOf(TABLE);
  }

  private static String scope(JsonNode role) {
    if (role.path("kind").asText().equals("Role")) {
      assertThat(role.at("/metadata/namespace").asText()).isEqualTo(Helm.NAMESPACE);
      return "own";
    }
    return nameOf(role).endsWith("-runs") ? "runs" : "cluster";
  }

  private static void collect(String scope, JsonNode rule, TreeSet<Right> granted) {
    assertThat(rule.has("nonResourceURLs")).isFalse();
    String names =
        rule.has("resourceNames") ? String.join(" ", texts(rule.path("resourceNames"))) : "-";
    String verbs = String.join(" ", new TreeSet<>(texts(rule.path("verbs"))));
    for (String group : texts(rule.path("apiGroups"))) {
      for (String resource : texts(rule.path("resources"))) {
        granted.add(new Right(scope, group, resource, names, verbs));
      }
    }
  }

  @ForEachValuesFile
  void onlyTheOperatorIsBound(String set) {
    var manifests = Helm.rendered(set);
    JsonNode account = manifests.only("ServiceAccount");
    for (String kind : List.of("ClusterRoleBinding", "RoleBinding")) {
      assertThat(manifests.ofKind(kind))
          .isNotEmpty()
          .allSatisfy(
              binding ->
                  assertThat(each(binding.path("subjects")))
                      .singleElement()
                      .satisfies(
                          subject -> {
                            assertThat(subject.path("kind").asText()).isEqualTo("ServiceAccount");
                            assertThat(subject.path("name").asText()).isEqualTo(nameOf(account));
                            assertThat(subject.path("namespace").asText())
                                .isEqualTo(Helm.NAMESPACE);
                          }));
    }
    assertThat(manifests.only("Deployment").at("/spec/template/spec/serviceAccountName").asText())
        .isEqualTo(nameOf(account));
  }

  @Test
  void rightsForRunsAreClusterWideWithoutWatchNamespaces() {
    assertThat(bindings("production"))
        .containsExactlyInAnyOrder(
            "everywhere luigi-system-tidy-luigi-operator",
            "everywhere luigi-system-tidy-luigi-operator-runs",
            "luigi-system tidy-luigi-operator-leader");
  }

  @Test
  void rightsForRunsAreLimitedToWatchNamespaces() {
    assertThat(bindings("namespaces"))
        .containsExactlyInAnyOrder(
            "everywhere luigi-system-tidy-luigi-operator",
            "sales luigi-system-tidy-luigi-operator-runs",
            "stock luigi-system-tidy-luigi-operator-runs",
            "luigi-system tidy-luigi-operator-leader");
  }

  private static List<String> bindings(String set) {
    return Helm.rendered(set).objects().stream()
        .filter(o -> o.path("kind").asText().endsWith("RoleBinding"))
        .map(
            o ->
                o.at("/metadata/namespace").asText("everywhere")
                    + " "
                    + o.at("/roleRef/name").asText())
        .map(text -> text.startsWith(" ") ? "everywhere" + text : text)
        .toList();
  }

  @ForEachValuesFile
  void onlyTheOperatorHasAToken(String set) {
    var manifests = Helm.rendered(set);
    assertThat(manifests.only("ServiceAccount").path("automountServiceAccountToken").asText())
        .isEqualTo("false");
    assertThat(manifests.podTemplates())
        .allSatisfy(
            pod ->
                assertThat(pod.at("/spec/automountServiceAccountToken").asText())
                    .isEqualTo(Boolean.toString(component(pod).equals("operator"))));
  }
}
