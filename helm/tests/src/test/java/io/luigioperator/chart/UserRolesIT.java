/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.chart;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.authorization.v1.SubjectAccessReviewBuilder;
import io.fabric8.kubernetes.api.model.rbac.ClusterRole;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What people may do who have one of the ClusterRoles of Kubernetes in a namespace. */
class UserRolesIT {
  private static final String NAMESPACE = "flights";

  /** The first selects nothing that is selected by a later one. */
  private static final List<String> AGGREGATED = List.of("view", "edit", "admin");

  private static ApiServer server;
  private static KubernetesClient client;

  @BeforeAll
  static void start() throws IOException {
    server = ApiServer.start();
    client = server.client();
    for (String namespace : List.of(Helm.NAMESPACE, NAMESPACE, "elsewhere")) {
      server.kubectl("", "create", "namespace", namespace).orFail();
    }
    Helm.on(server.kubeconfig())
        .run("install", "crds", Helm.chart(Helm.CRDS), "-n", Helm.NAMESPACE)
        .orFail();
    server
        .kubectl("", "wait", "--for=condition=Established", "--timeout=30s", "crd", "--all")
        .orFail();
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
    client.close();
    server.close();
  }

  @ParameterizedTest
  @ValueSource(strings = {"has-edit", "has-admin"})
  void whoMayEditMayApplyTheRunOfTheReadme(String user) throws IOException {
    assertThat(apply(user).orFail()).contains("ua-20130130-hour");
    for (String resource : List.of("pipelineruns", "pipelineschedules")) {
      for (String verb : "get list watch create update patch delete deletecollection".split(" ")) {
        assertThat(may(user, NAMESPACE, verb, resource)).as("%s %s", verb, resource).isTrue();
        assertThat(may(user, "elsewhere", verb, resource)).as("%s %s", verb, resource).isFalse();
      }
    }
  }

  @Test
  void whoMayViewMayOnlyLook() throws IOException {
    assertRefused(apply("has-view"), "has-view");
    for (String resource : List.of("pipelineruns", "pipelineschedules")) {
      for (String verb : "get list watch".split(" ")) {
        assertThat(may("has-view", NAMESPACE, verb, resource)).isTrue();
      }
      for (String verb : "create update patch delete deletecollection".split(" ")) {
        assertThat(may("has-view", NAMESPACE, verb, resource)).as(verb).isFalse();
      }
    }
  }

  @Test
  void whoHasNoRoleMayNothing() throws IOException {
    assertRefused(apply("nobody"), "nobody");
    assertThat(may("nobody", NAMESPACE, "get", "pipelineruns")).isFalse();
  }

  /** What an admission policy asks for, and what is the operator's to say. */
  @ParameterizedTest
  @ValueSource(strings = {"has-view", "has-edit", "has-admin"})
  void noneOfThemHandsOutWhatIsGuarded(String user) {
    for (String verb : List.of("run", "delete")) {
      assertThat(may(user, NAMESPACE, verb, "clients")).as(verb).isFalse();
    }
    assertThat(allowed(user, NAMESPACE, "use", "", "serviceaccounts", "")).isFalse();
    for (String resource : List.of("pipelineruns", "pipelineschedules")) {
      for (String verb : List.of("update", "patch")) {
        assertThat(allowed(user, NAMESPACE, verb, "luigi-operator.io", resource, "status"))
            .isFalse();
      }
    }
  }

  @Test
  void theSwitchTakesThemAway() throws IOException {
    helm("upgrade", "--set", "userRoles.enabled=false");
    try {
      assertRefused(apply("has-edit"), "has-edit");
      assertThat(may("has-view", NAMESPACE, "get", "pipelineruns")).isFalse();
    } finally {
      helm("upgrade");
    }
  }

  private static void helm(String verb, String... further) {
    var arguments =
        new ArrayList<>(
            List.of(verb, Helm.RELEASE, Helm.chart(Helm.OPERATOR), "-n", Helm.NAMESPACE));
    arguments.addAll(List.of("-f", Helm.values("production")));
    arguments.addAll(List.of(further));
    Helm.on(server.kubeconfig()).run(arguments.toArray(String[]::new)).orFail();
    AGGREGATED.forEach(UserRolesIT::aggregate);
  }

  /** As the controller manager does, which is not there: the rules of all roles it selects. */
  private static void aggregate(String name) {
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

  /** Only tried. */
  private static Tools.Output apply(String user) throws IOException {
    var yaml =
        Pattern.compile("```yaml\n(.*?)```", Pattern.DOTALL)
            .matcher(Files.readString(Tools.REPOSITORY.resolve("README.md")));
    assertThat(yaml.find()).isTrue();
    return server.kubectl(
        yaml.group(1), "apply", "--dry-run=server", "--as=" + user, "--filename=-");
  }

  private static void assertRefused(Tools.Output output, String user) {
    assertThat(output.exitCode()).isNotZero();
    assertThat(output.stderr()).contains("Forbidden", user, "pipelineruns");
  }

  private static boolean may(String user, String namespace, String verb, String resource) {
    return allowed(user, namespace, verb, "luigi-operator.io", resource, "");
  }

  private static boolean allowed(
      String user, String namespace, String verb, String group, String resource, String sub) {
    return client
        .resource(
            new SubjectAccessReviewBuilder()
                .withNewSpec()
                .withUser(user)
                .withNewResourceAttributes()
                .withNamespace(namespace)
                .withVerb(verb)
                .withGroup(group)
                .withResource(resource)
                .withSubresource(sub)
                .endResourceAttributes()
                .endSpec()
                .build())
        .create()
        .getStatus()
        .getAllowed();
  }
}
