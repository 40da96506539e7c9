/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.chart;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;

/** Every value of the chart changes what is rendered, and the table says how. */
class ValuesTest {

  /**
   * @param value path of the value in values.yaml
   * @param set the values from which it is changed
   * @param to the new value as JSON; further changes that it needs may follow after a semicolon
   * @param shows a line that this change puts into the rendering
   */
  record Change(String value, String set, String to, String shows) {
    @Override
    public String toString() {
      return value;
    }
  }

  static final List<Change> TABLE =
      """
      admissionPolicies.enabled            | production-least | true                          | kind: ValidatingAdmissionPolicy
      admissionPolicies.perClient          | production      | true                           | name: luigi-system-tidy-luigi-operator-clients
      capacity.maxRunning                  | production      | 77                             | value: "77"
      clusterId                            | production      | "west"                         | value: "west"
      demo.mysql.image.pullPolicy          | demo            | "Always"                       | imagePullPolicy: Always
      demo.mysql.image.repository          | demo            | "example.com/db"               | image: "example.com/db:0.1.0"
      demo.mysql.image.tag                 | demo            | "9.1"                          | image: "luigi-operator/mysql:9.1"
      demo.mysql.resources.limits          | demo            | {"memory":"3Gi"}               | memory: 3Gi
      demo.mysql.resources.requests        | demo            | {"memory":"700Mi"}             | memory: 700Mi
      demo.mysql.storage.className         | demo            | "fast"                         | storageClassName: fast
      demo.mysql.storage.size              | demo            | "5Gi"                          | storage: 5Gi
      historyDays                          | production      | 90                             | value: "90"
      image.pullPolicy                     | production      | "Always"                       | imagePullPolicy: Always
      image.repository                     | production      | "example.com/op"               | image: "example.com/op:0.1.0"
      image.tag                            | production      | "2.0"                          | image: "luigi-operator/operator:2.0"
      imagePullSecrets                     | production      | [{"name":"reg"}]               | - name: reg
      jobs.failedTtlSeconds                | production      | 17000000                       | value: "17000000"
      jobs.ttlSeconds                      | production      | 17000001                       | value: "17000001"
      logLevel                             | production      | "WARN"                         | value: WARN
      mysql.caSecret                       | production-full | "other-ca"                     | secretName: other-ca
      mysql.database                       | production      | "books"                        | value: "books"
      mysql.existingSecret                 | production      | "other"                        | name: other
      mysql.host                           | production      | "db.example.com"               | value: "db.example.com"
      mysql.port                           | production      | 3310                           | value: "3310"
      mysql.sslMode                        | production      | "VERIFY_CA"                    | value: "VERIFY_CA"
      networkPolicy.apiServerPorts         | production      | [16443]                        | - {port: 16443, protocol: TCP}
      networkPolicy.enabled                | production-least | true                          | kind: NetworkPolicy
      nodeLossHoldSeconds                  | production      | 45                             | value: "45"
      nodeSelector                         | production      | {"disk":"ssd"}                 | disk: ssd
      podAnnotations                       | production      | {"example.com/a":"b"}          | example.com/a: b
      podLabels                            | production      | {"team":"data"}                | team: "data"
      priorities.headStartSeconds.critical | production      | 90000                          | value: Low=0,Normal=3600,High=14400,Critical=90000
      priorities.headStartSeconds.high     | production      | 20000                          | value: Low=0,Normal=3600,High=20000,Critical=86400
      priorities.headStartSeconds.low      | production      | 100                            | value: Low=100,Normal=3600,High=14400,Critical=86400
      priorities.headStartSeconds.normal   | production      | 4000                           | value: Low=0,Normal=4000,High=14400,Critical=86400
      priorityClassName                    | production      | "important"                    | priorityClassName: important
      profile                              | production      | "demo"; mysql.host=""; mysql.existingSecret="" | kind: StatefulSet
      replicas                             | production      | 4                              | replicas: 4
      resources.limits                     | production      | {"memory":"900Mi"}             | memory: 900Mi
      resources.requests                   | production      | {"cpu":"7m"}                   | cpu: 7m
      serviceAccount.annotations           | production      | {"example.com/role":"r"}       | example.com/role: r
      tolerations                          | production      | [{"key":"gpu"}]                | - key: gpu
      watchNamespaces                      | production      | ["sales"]                      | value: "sales"
      """
          .lines()
          .map(line -> line.split("\\|", -1))
          .map(
              cell ->
                  new Change(cell[0].strip(), cell[1].strip(), cell[2].strip(), cell[3].strip()))
          .toList();

  @ParameterizedTest
  @FieldSource("TABLE")
  void aChangeShows(Change change) {
    var arguments = new ArrayList<String>();
    for (String each : (change.value + "=" + change.to).split(";")) {
      arguments.add("--set-json");
      arguments.add(each.strip());
    }
    var added = lines(Helm.offline().template(change.set, arguments.toArray(String[]::new)));
    lines(Helm.offline().template(change.set)).forEach(added::remove);
    assertThat(added).contains(change.shows);
  }

  private static List<String> lines(Tools.Output output) {
    return new ArrayList<>(output.orFail().lines().map(String::strip).toList());
  }

  @Test
  void theTableNamesEveryValueOnce() throws IOException {
    assertThat(TABLE.stream().map(Change::value))
        .containsExactlyInAnyOrderElementsOf(Schema.leaves().keySet());
  }

  /** A value nobody finds in values.yaml, or one that the schema does not know, is a dead one. */
  @Test
  void fileAndSchemaHaveTheSameValues() throws IOException {
    var inFile = new TreeSet<String>();
    JsonNode file =
        Manifests.parse(Files.readString(Tools.HELM.resolve(Helm.OPERATOR).resolve("values.yaml")))
            .objects()
            .getFirst();
    collect("", file, inFile);
    assertThat(inFile).isEqualTo(Schema.leaves().keySet());
  }

  private static void collect(String prefix, JsonNode object, TreeSet<String> leaves) {
    object
        .properties()
        .forEach(
            entry -> {
              String path = prefix + entry.getKey();
              if (Schema.objects().contains(path)) {
                collect(path + ".", entry.getValue(), leaves);
              } else {
                leaves.add(path);
              }
            });
  }
}
