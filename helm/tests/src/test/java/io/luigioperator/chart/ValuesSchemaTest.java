/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.chart;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.luigioperator.testing.Repository;
import java.io.IOException;
import java.nio.file.Files;
import java.util.List;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Helm refuses invalid values with a message that contains the value and the violated rule. */
class ValuesSchemaTest {

  record Refusal(String value, String json, String message) {
    @Override
    public String toString() {
      return value + "=" + json;
    }
  }

  static final List<Refusal> TABLE =
      Table.of(
              """
              admissionPolicies.enabled            | "yes"         | got string, want boolean
              admissionPolicies.exemptUsers        | ["a'b"]       | does not match pattern
              admissionPolicies.perClient          | 1             | got number, want boolean
              affinity                             | []            | got array, want object
              capacity.maxRunning                  | 0             | minimum: got 0, want 1
              capacity.maxRunning                  | "20"          | got string, want integer
              capacity.maxRunning                  | 10001         | maximum: got 10,001, want 10,000
              capacity.maxRunningPerNamespace      | -1            | minimum: got -1, want 0
              clusterId                            | "East"        | 'East' does not match pattern
              clusterId                            | true          | got boolean, want string
              commonLabels                         | {"a":1}       | got number, want string
              demo.mysql.image.digest              | "sha256:1"    | does not match pattern
              demo.mysql.image.pullPolicy          | "Sometimes"   | value must be one of 'Always', 'IfNotPresent', 'Never'
              demo.mysql.image.repository          | ""            | minLength: got 0, want 1
              demo.mysql.image.tag                 | 9.1           | got number, want string
              demo.mysql.resources.limits          | "1Gi"         | got string, want object
              demo.mysql.resources.requests        | {"cpu":[]}    | got array, want number or string
              demo.mysql.storage.className         | "Fast Disk"   | does not match pattern
              demo.mysql.storage.size              | "1GB"         | '1GB' does not match pattern
              enabled                              | "no"          | got string, want boolean
              extraEnv                             | [{"value":"x"}] | missing property 'name'
              extraObjects                         | [7]           | got number, want string or object
              extraVolumeMounts                    | [{}]          | missing property 'name'
              extraVolumes                         | [{}]          | missing property 'name'
              fullnameOverride                     | "A"           | 'A' does not match pattern
              global.imagePullSecrets              | [{"name":"A"}] | 'A' does not match pattern
              historyDays                          | 0             | minimum: got 0, want 1
              historyDays                          | 36501         | maximum: got 36,501, want 36,500
              image.digest                         | "latest"      | 'latest' does not match pattern
              image.pullPolicy                     | "always"      | value must be one of 'Always', 'IfNotPresent', 'Never'
              image.repository                     | ""            | minLength: got 0, want 1
              image.tag                            | "a:b"         | 'a:b' does not match pattern
              imagePullSecrets                     | ["reg"]       | got string, want object
              imagePullSecrets                     | [{}]          | missing property 'name'
              jobs.failedTtlSeconds                | 59            | minimum: got 59, want 60
              jobs.ttlSeconds                      | 18144001      | maximum: got 1.8144001
              logLevel                             | "debug"       | value must be one of 'ERROR', 'WARN', 'INFO', 'DEBUG', 'TRACE'
              mysql.caSecret                       | "CA"          | 'CA' does not match pattern
              mysql.database                       | ""            | '' does not match pattern
              mysql.existingSecret                 | "a/b"         | 'a/b' does not match pattern
              mysql.host                           | "a b"         | 'a b' does not match pattern
              mysql.port                           | 65536         | maximum: got 65,536, want 65,535
              mysql.sslMode                        | "PREFERRED"   | value must be one of 'REQUIRED', 'VERIFY_CA', 'VERIFY_IDENTITY'
              nameOverride                         | "a b"         | does not match pattern
              networkPolicy.apiServerPorts         | []            | minItems: got 0, want 1
              networkPolicy.apiServerPorts         | [443,443]     | items at 0 and 1 are equal
              networkPolicy.dnsPorts               | [0]           | minimum: got 0, want 1
              networkPolicy.enabled                | "true"        | got string, want boolean
              nodeLossHoldSeconds                  | -1            | minimum: got -1, want 0
              nodeLossHoldSeconds                  | 604801        | maximum: got 604,801, want 604,800
              nodeSelector                         | {"a":true}    | got boolean, want string
              podAnnotations                       | {"a":1}       | got number, want string
              podLabels                            | {"a":1}       | got number, want string
              podMonitor.enabled                   | "yes"         | got string, want boolean
              podMonitor.interval                  | "often"       | does not match pattern
              podMonitor.labels                    | {"a":1}       | got number, want string
              podSecurityContext                   | "none"        | got string, want object
              priorities.headStartSeconds.critical | 1000000       | want 999,999
              priorities.headStartSeconds.high     | "1h"          | got string, want integer
              priorities.headStartSeconds.low      | -1            | minimum: got -1, want 0
              priorities.headStartSeconds.normal   | 1.5           | got number, want integer
              priorityClassName                    | 7             | got number, want string
              profile                              | "test"        | value must be one of 'production', 'demo'
              replicas                             | 0             | minimum: got 0, want 1
              replicas                             | 6             | maximum: got 6, want 5
              resources.limits                     | 1             | got number, want object
              resources.requests                   | {"cpu":true}  | got boolean, want number or string
              securityContext                      | "none"        | got string, want object
              serviceAccount.annotations           | []            | got array, want object
              serviceAccount.create                | "no"          | got string, want boolean
              serviceAccount.name                  | "A"           | 'A' does not match pattern
              serviceMonitor.enabled               | 1             | got number, want boolean
              serviceMonitor.interval              | 30            | got number, want string
              serviceMonitor.labels                | []            | got array, want object
              sharedLedger                         | "yes"         | got string, want boolean
              tolerations                          | ["gpu"]       | got string, want object
              topologySpreadConstraints            | {}            | got object, want null or array
              userRoles.enabled                    | "yes"         | got string, want boolean
              watchNamespaces                      | "sales"       | got string, want array
              watchNamespaces                      | ["Sales"]     | 'Sales' does not match pattern
              watchNamespaces                      | ["a","a"]     | items at 0 and 1 are equal
              """)
          .map(c -> new Refusal(c.get(0), c.get(1), c.get(2)))
          .toList();

  @ParameterizedTest
  @FieldSource("TABLE")
  void aWrongValueIsRefused(Refusal refusal) {
    var output =
        Helm.offline().template("production", "--set-json", refusal.value + "=" + refusal.json);
    assertThat(output.refusal())
        .contains("at '/" + refusal.value.replace('.', '/'), refusal.message);
  }

  @Test
  void everyValueHasAnInvalidCase() {
    assertThat(TABLE.stream().map(Refusal::value).distinct())
        .containsExactlyInAnyOrderElementsOf(ValuesSchema.leaves().keySet());
  }

  /** Not the global values of a parent chart, which may have those of other charts, too. */
  static Stream<String> objects() {
    return ValuesSchema.objects().stream().filter(object -> !object.equals("global"));
  }

  @ParameterizedTest
  @MethodSource("objects")
  void anUnknownKeyIsRefused(String object) {
    String path = object.isEmpty() ? "misspelt" : object + ".misspelt";
    var output = Helm.offline().template("production", "--set", path + "=1");
    assertThat(output.refusal())
        .contains(
            "at '" + (object.isEmpty() ? "" : "/" + object.replace('.', '/')) + "'",
            "additional properties 'misspelt' not allowed");
  }

  @Test
  void theCrdChartHasNoValues() {
    var output = Helm.offline().definitions("template", "--set", "misspelt=1");
    assertThat(output.refusal()).contains("additional properties 'misspelt' not allowed");
  }

  /** A parent chart passes its global values to all subcharts. */
  @Test
  void globalValuesOfAParentChartAreAccepted() {
    Helm.offline().template("production", "--set", "global.region=eu").orFail();
  }

  @Test
  void everyValueIsDescribed() {
    var undescribed = new TreeSet<String>();
    ValuesSchema.walk(
        (path, node) -> {
          if (node.path("description").asText().isBlank()) {
            undescribed.add(path);
          }
        });
    assertThat(undescribed).isEmpty();
  }

  /** values.yaml documents all values, and the schema knows all of them. */
  @Test
  void fileAndSchemaHaveTheSameValues() throws IOException {
    var inFile = new TreeSet<String>();
    JsonNode file =
        Manifests.parse(Files.readString(Repository.path("helm/luigi-operator/values.yaml")))
            .objects()
            .getFirst();
    collect("", file, inFile);
    assertThat(inFile).isEqualTo(ValuesSchema.leaves().keySet());
  }

  private static void collect(String prefix, JsonNode object, TreeSet<String> leaves) {
    object
        .properties()
        .forEach(
            entry -> {
              String path = prefix + entry.getKey();
              if (ValuesSchema.objects().contains(path)) {
                collect(path + ".", entry.getValue(), leaves);
              } else {
                leaves.add(path);
              }
            });
  }
}
