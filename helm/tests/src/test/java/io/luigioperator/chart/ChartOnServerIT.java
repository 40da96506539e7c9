/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.chart;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.luigioperator.testing.Command;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.Base64;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The charts on a real API server. */
class ChartOnServerIT {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String USER =
      "system:serviceaccount:" + Helm.NAMESPACE + ":tidy-luigi-operator";

  private static ChartApiServer server;

  @BeforeAll
  static void start() throws IOException {
    server = ChartApiServer.start("sales", "stock", "again");
    Path monitors = Path.of("src/test/resources/definitions/monitors.yaml").toAbsolutePath();
    server.kubectl("", "create", "--filename=" + monitors).orFail();
    server
        .kubectl(
            "", "wait", "--for=condition=Established", "--timeout=30s", "--filename=" + monitors)
        .orFail();
  }

  @AfterAll
  static void stop() {
    server.close();
  }

  @ForEachValuesFile
  void everyObjectIsAccepted(String set) {
    var output =
        server.kubectl(
            Helm.offline().template(set).orFail(),
            "create",
            "--dry-run=server",
            "--validate=strict",
            "--filename=-");
    assertThat(output.stderr()).isEmpty();
    assertThat(output.orFail().lines()).hasSameSizeAs(Helm.rendered(set).objects());
  }

  @ForEachValuesFile
  void everyPodPassesPodSecurityRestricted(String set) {
    var templates = Helm.rendered(set).podTemplates().toList();
    assertThat(templates).hasSizeGreaterThanOrEqualTo(2);
    for (JsonNode template : templates) {
      dryRun(template);
    }
  }

  /** Checks that the test above can fail, for each requirement. */
  @ParameterizedTest
  @CsvSource({
    "/spec/securityContext, runAsNonRoot",
    "/spec/securityContext, seccompProfile",
    "/spec/containers/0/securityContext, allowPrivilegeEscalation",
    "/spec/containers/0/securityContext, capabilities"
  })
  void aPodWithoutTheSettingIsRefused(String where, String what) {
    for (JsonNode template : Helm.rendered("demo").podTemplates().toList()) {
      JsonNode weaker = template.deepCopy();
      assertThat(((ObjectNode) weaker.at(where)).remove(what)).isNotNull();
      assertThatThrownBy(() -> dryRun(weaker))
          .isInstanceOf(KubernetesClientException.class)
          .hasMessageContaining("violates PodSecurity \"restricted:latest\"")
          .hasMessageContaining(what);
    }
  }

  private static void dryRun(JsonNode template) {
    ObjectNode pod = JSON.createObjectNode().put("apiVersion", "v1").put("kind", "Pod");
    pod.putObject("metadata").put("name", "dry-run").put("namespace", "again");
    pod.set("spec", template.path("spec").deepCopy());
    server.client().resource(JSON.convertValue(pod, Pod.class)).dryRun().create();
  }

  @ForEachValuesFile
  void noContainerCanWriteItsRootFileSystem(String set) {
    assertThat(
            Helm.rendered(set)
                .podTemplates()
                .flatMap(p -> Manifests.each(p.at("/spec/containers"))))
        .isNotEmpty()
        .allSatisfy(
            container ->
                assertThat(container.at("/securityContext/readOnlyRootFilesystem").asBoolean())
                    .isTrue());
  }

  @Test
  void anUpgradeKeepsTheGeneratedPassword() {
    String chart = Helm.chart(Helm.OPERATOR);
    pair("install", chart, "--set", "profile=demo").orFail();
    try {
      String first = password();
      assertThat(first).hasSize(44);
      Map<String, String> secret = secret();
      assertThat(secret).containsKeys("username", "password", "ca.crt", "tls.crt", "tls.key");
      pair("upgrade", chart, "--set", "profile=demo,replicas=1").orFail();
      assertThat(
              server
                  .client()
                  .apps()
                  .deployments()
                  .inNamespace("again")
                  .withName("pair-luigi-operator")
                  .get()
                  .getSpec()
                  .getReplicas())
          .isEqualTo(1);
      assertThat(secret()).isEqualTo(secret);
      pair("uninstall").orFail();
      pair("install", chart, "--set", "profile=demo").orFail();
      assertThat(password()).isNotEqualTo(first);
    } finally {
      pair("uninstall");
    }
  }

  private static Command.Output pair(String verb, String... further) {
    return server.helm().release(verb, "pair", "again", further);
  }

  private static String password() {
    return secret().get("password");
  }

  private static Map<String, String> secret() {
    return server
        .client()
        .secrets()
        .inNamespace("again")
        .withName("pair-luigi-operator-mysql")
        .require()
        .getData();
  }

  /** For the name that the operator uses, by the CA that it gets. */
  @Test
  void theDemoServerHasACertificateThatTheOperatorCanVerify() throws Exception {
    JsonNode data = Helm.rendered("demo").only("Secret").path("data");
    X509Certificate ca = certificate(data, "ca.crt");
    X509Certificate server = certificate(data, "tls.crt");
    server.verify(ca.getPublicKey());
    assertThat(ca.getBasicConstraints()).as("it is a CA").isNotNegative();
    assertThat(server.getSubjectAlternativeNames().stream().map(name -> "" + name.get(1)))
        .contains(Helm.rendered("demo").configuration().ledger().host());
  }

  private static X509Certificate certificate(JsonNode data, String key)
      throws GeneralSecurityException {
    byte[] pem = Base64.getDecoder().decode(data.path(key).asText());
    return (X509Certificate)
        CertificateFactory.getInstance("X.509").generateCertificate(new ByteArrayInputStream(pem));
  }

  /** Checks the table with the authorizer of the API server. */
  @Test
  void theServerGrantsExactlyTheRightsOfTheTable() {
    server.helm().operator("install", "namespaces").orFail();
    try {
      for (RbacTest.Right right : RbacTest.TABLE) {
        String namespace =
            switch (right.scope()) {
              case "runs" -> "sales";
              case "own" -> Helm.NAMESPACE;
              default -> "";
            };
        for (String verb : right.verbs().split(" ")) {
          for (String name : right.names().split(" ")) {
            assertThat(may(namespace, verb, right.group(), right.resource(), name))
                .as("%s %s", verb, right)
                .isTrue();
            if (right.scope().equals("runs")) {
              assertThat(may("again", verb, right.group(), right.resource(), name))
                  .as("%s %s in a namespace that is not watched", verb, right)
                  .isFalse();
            }
          }
        }
      }
      assertThat(may("sales", "get", "", "secrets", "-")).isFalse();
      assertThat(may("sales", "get", "", "configmaps", "-")).isFalse();
      assertThat(may("sales", "create", "", "pods/exec", "-")).isFalse();
      assertThat(may("sales", "deletecollection", "batch", "jobs", "-")).isFalse();
      assertThat(may("sales", "update", "luigi-operator.io", "pipelineruns", "-")).isFalse();
      assertThat(may("sales", "patch", "luigi-operator.io", "pipelineruns", "-")).isFalse();
      assertThat(may("", "impersonate", "", "users", "-")).isFalse();
      assertThat(may(Helm.NAMESPACE, "update", "coordination.k8s.io", "leases", "other")).isFalse();
    } finally {
      server.helm().release("uninstall", Helm.RELEASE, Helm.NAMESPACE).orFail();
    }
  }

  private static boolean may(
      String namespace, String verb, String group, String resource, String name) {
    return server.allows(USER, namespace, verb, group, resource, name.equals("-") ? "" : name);
  }

  /** Deleting a CRD would delete all runs or schedules. */
  @Test
  void uninstallingTheCrdChartKeepsTheDefinitions() {
    server.helm().release("uninstall", "crds", Helm.NAMESPACE).orFail();
    assertThat(
            server
                .client()
                .apiextensions()
                .v1()
                .customResourceDefinitions()
                .list()
                .getItems()
                .stream()
                .map(crd -> crd.getMetadata().getName()))
        .contains("pipelineruns.luigi-operator.io", "pipelineschedules.luigi-operator.io");
    server.helm().definitions("install").orFail();
  }
}
