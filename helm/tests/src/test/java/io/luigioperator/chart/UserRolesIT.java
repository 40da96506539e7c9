/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.chart;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.rbac.ClusterRole;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.luigioperator.testing.Command;
import io.luigioperator.testing.Repository;
import java.io.IOException;
import java.nio.file.Files;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The rights of users with the ClusterRoles view, edit and admin of Kubernetes in a namespace. */
class UserRolesIT {
  private static final String NAMESPACE = "flights";

  /** In this order, because edit aggregates view, and admin aggregates edit. */
  private static final List<String> AGGREGATED = List.of("view", "edit", "admin");

  private static final List<String> RESOURCES = List.of("pipelineruns", "pipelineschedules");
  private static final List<String> READ = List.of("get", "list", "watch");
  private static final List<String> WRITE =
      List.of("create", "update", "patch", "delete", "deletecollection");

  private static ChartApiServer server;

  @BeforeAll
  static void start() throws IOException {
    server = ChartApiServer.start(NAMESPACE, "elsewhere");
    for (String role : AGGREGATED) {
      var user = "--user=has-" + role;
      server
          .kubectl(
              "", "create", "rolebinding", role, "--clusterrole=" + role, user, "-n", NAMESPACE)
          .orFail();
    }
    helm("install");
  }

  @AfterAll
  static void stop() {
    server.close();
  }

  @ParameterizedTest
  @ValueSource(strings = {"has-edit", "has-admin"})
  void usersWithEditOrAdminMayApplyTheRunOfTheReadme(String user) throws IOException {
    assertThat(apply(user).orFail()).contains("ua-20130130-hour");
    for (String resource : RESOURCES) {
      assertThat(READ).allMatch(verb -> may(user, NAMESPACE, verb, resource));
      assertThat(WRITE).allMatch(verb -> may(user, NAMESPACE, verb, resource));
      assertThat(READ).noneMatch(verb -> may(user, "elsewhere", verb, resource));
      assertThat(WRITE).noneMatch(verb -> may(user, "elsewhere", verb, resource));
    }
  }

  @Test
  void usersWithViewMayOnlyRead() throws IOException {
    assertRefused(apply("has-view"), "has-view");
    for (String resource : RESOURCES) {
      assertThat(READ).allMatch(verb -> may("has-view", NAMESPACE, verb, resource));
      assertThat(WRITE).noneMatch(verb -> may("has-view", NAMESPACE, verb, resource));
    }
  }

  @Test
  void usersWithoutARoleHaveNoRights() throws IOException {
    assertRefused(apply("no-role"), "no-role");
    assertThat(may("no-role", NAMESPACE, "get", "pipelineruns")).isFalse();
  }

  /**
   * The rights that the admission policies require, and the status that only the operator writes.
   */
  @ParameterizedTest
  @ValueSource(strings = {"has-view", "has-edit", "has-admin"})
  void theRolesDoNotGrantProtectedRights(String user) {
    assertThat(List.of("run", "delete")).noneMatch(verb -> may(user, NAMESPACE, verb, "clients"));
    assertThat(server.allows(user, NAMESPACE, "use", "", "serviceaccounts", "")).isFalse();
    for (String resource : RESOURCES) {
      assertThat(WRITE).noneMatch(verb -> may(user, NAMESPACE, verb, resource + "/status"));
    }
  }

  @Test
  void disablingTheValueRemovesTheRights() throws IOException {
    helm("upgrade", "--set", "userRoles.enabled=false");
    try {
      assertRefused(apply("has-edit"), "has-edit");
      assertThat(may("has-view", NAMESPACE, "get", "pipelineruns")).isFalse();
    } finally {
      helm("upgrade");
    }
  }

  private static void helm(String verb, String... further) {
    server.helm().operator(verb, "production", further).orFail();
    AGGREGATED.forEach(UserRolesIT::aggregate);
  }

  /** Aggregates the rules, because the controller manager is not running. */
  private static void aggregate(String name) {
    KubernetesClient client = server.client();
    ClusterRole role = client.rbac().clusterRoles().withName(name).require();
    role.setRules(
        role.getAggregationRule().getClusterRoleSelectors().stream()
            .flatMap(
                selector ->
                    client
                        .rbac()
                        .clusterRoles()
                        .withLabels(selector.getMatchLabels())
                        .list()
                        .getItems()
                        .stream())
            .flatMap(selected -> selected.getRules().stream())
            .toList());
    client.resource(role).update();
  }

  /** A dry run. */
  private static Command.Output apply(String user) throws IOException {
    var yaml =
        Pattern.compile("```yaml\n(.*?)```", Pattern.DOTALL)
            .matcher(Files.readString(Repository.path("README.md")));
    assertThat(yaml.find()).isTrue();
    return server.kubectl(
        yaml.group(1), "apply", "--dry-run=server", "--as=" + user, "--filename=-");
  }

  private static void assertRefused(Command.Output output, String user) {
    assertThat(output.refusal()).contains("Forbidden", user, "pipelineruns");
  }

  private static boolean may(String user, String namespace, String verb, String resource) {
    return server.allows(user, namespace, verb, "luigi-operator.io", resource, "");
  }
}
