/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.chart;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.luigioperator.OperatorConfig;
import java.io.IOException;
import java.lang.reflect.RecordComponent;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;
import org.junit.jupiter.params.provider.MethodSource;

/** The operator understands the environment that the chart gives it, within the same bounds. */
class ConfigurationTest {
  private static final List<String> SETS = Helm.sets();

  @TempDir private static Path folder;

  @ParameterizedTest
  @FieldSource("SETS")
  void theOperatorTakesWhatIsRendered(String set) throws Exception {
    assertThat(config(set).leaseNamespace()).isEqualTo(Helm.NAMESPACE);
  }

  @Test
  void valuesArriveWhereTheyBelong() throws Exception {
    OperatorConfig config = config("production-full");
    assertThat(config.clusterId()).isEqualTo("east");
    assertThat(config.maxRunning()).isEqualTo(200);
    assertThat(config.nodeLossHold()).isEqualTo(Duration.ofSeconds(300));
    assertThat(config.history()).isEqualTo(Duration.ofDays(30));
    assertThat(config.jobTtl()).isEqualTo(Duration.ofSeconds(600));
    assertThat(config.failedJobTtl()).isEqualTo(Duration.ofSeconds(7200));
    assertThat(config.ageing().headStarts().values())
        .containsExactlyInAnyOrder(
            Duration.ofSeconds(1),
            Duration.ofSeconds(60),
            Duration.ofSeconds(600),
            Duration.ofSeconds(6000));
    assertThat(config.mysql().host()).isEqualTo("mysql.example.com");
    assertThat(config.mysql().port()).isEqualTo(3307);
    assertThat(config.mysql().database()).isEqualTo("ledger");
    assertThat(config.mysql().user()).isEqualTo("ledger/username");
    assertThat(config.mysql().password().value()).isEqualTo("ledger/password");
    assertThat(config("namespaces").namespaces()).containsExactly("sales", "stock");
    assertThat(config("demo").mysql().host())
        .isEqualTo(Helm.rendered("demo").only("StatefulSet").at("/spec/serviceName").asText());
  }

  /** A setting of the operator that no value reaches is a dead one. */
  @Test
  void everySettingCanBeChangedByTheChart() throws Exception {
    var unchanged = new TreeSet<String>();
    collectEqual("", config("production"), config("production-full"), unchanged);
    // Two come from the pod itself, the lease is named after the release, the port is the
    // container's own.
    assertThat(unchanged)
        .containsExactlyInAnyOrder(
            "leaseNamespace",
            "podName",
            "leaseName",
            "httpPort",
            // These are the same in the two sets, and differ in the next assertions.
            "clusterId",
            "namespaces",
            "mysql.host",
            "mysql.user",
            "mysql.password");
    var others = new TreeSet<String>();
    collectEqual("", config("production"), config("demo"), others);
    assertThat(others).doesNotContain("clusterId", "mysql.host", "mysql.user", "mysql.password");
    others.clear();
    collectEqual("", config("production"), config("namespaces"), others);
    assertThat(others).doesNotContain("namespaces");
  }

  private static void collectEqual(String prefix, Record one, Record other, TreeSet<String> equal)
      throws ReflectiveOperationException {
    for (RecordComponent component : one.getClass().getRecordComponents()) {
      Object here = component.getAccessor().invoke(one);
      Object there = component.getAccessor().invoke(other);
      String name = prefix + component.getName();
      if (here instanceof OperatorConfig.Mysql mysql) {
        collectEqual(name + ".", mysql, (Record) there, equal);
      } else if (here.equals(there)) {
        equal.add(name);
      }
    }
  }

  /** Whole numbers at both ends, every choice, the longest names. */
  static Stream<String> extremes() {
    var changes = new ArrayList<String>();
    Schema.leaves()
        .forEach(
            (path, node) -> {
              for (String bound : List.of("minimum", "maximum")) {
                if (node.has(bound)) {
                  changes.add(path + "=" + node.path(bound).asText());
                }
              }
            });
    for (String choice : List.of("logLevel", "mysql.sslMode")) {
      Manifests.texts(Schema.leaves().get(choice).path("enum"))
          .forEach(value -> changes.add(choice + "=\"" + value + "\""));
    }
    changes.add("clusterId=\"" + "c".repeat(63) + "\"");
    changes.add("watchNamespaces=[\"" + "n".repeat(63) + "\",\"b\"]");
    changes.add("mysql.database=\"" + "D-_".repeat(21) + "9\"");
    changes.add("mysql.host=\"" + "h".repeat(253) + "\"");
    changes.add("mysql.host=\"2001:db8::7\"");
    return changes.stream();
  }

  @ParameterizedTest
  @MethodSource("extremes")
  void whatTheSchemaAllowsTheOperatorTakes(String change) throws Exception {
    var arguments = new ArrayList<String>();
    // Head starts may not fall from class to class, so they go to their bounds together.
    var together =
        change.startsWith("priorities.")
            ? Stream.of("low", "normal", "high", "critical")
                .map(c -> "priorities.headStartSeconds." + c + change.replaceFirst(".*=", "="))
            : Stream.of(change);
    together.forEach(
        each -> {
          arguments.add("--set-json");
          arguments.add(each);
        });
    config("production", arguments.toArray(String[]::new));
  }

  private static OperatorConfig config(String set, String... further)
      throws OperatorConfig.Invalid, IOException {
    return OperatorConfig.from(environment(Helm.rendered(set, further)));
  }

  /** What the kubelet would put into the container. */
  private static Map<String, String> environment(Manifests manifests) throws IOException {
    JsonNode pod = manifests.only("Deployment").at("/spec/template");
    var environment = new TreeMap<String, String>();
    for (JsonNode entry : pod.at("/spec/containers/0/env")) {
      environment.put(entry.path("name").asText(), value(entry));
    }
    String ca = "LUIGI_OPERATOR_MYSQL_CA_FILE";
    if (environment.containsKey(ca)) {
      String mounts = pod.at("/spec/containers/0/volumeMounts").toString();
      assertThat(mounts).contains(Path.of(environment.get(ca)).getParent().toString());
      environment.put(ca, Files.writeString(folder.resolve("ca.crt"), "").toString());
    }
    return environment;
  }

  private static String value(JsonNode entry) {
    JsonNode secret = entry.at("/valueFrom/secretKeyRef");
    if (!secret.isMissingNode()) {
      return secret.path("name").asText() + "/" + secret.path("key").asText();
    }
    String field = entry.at("/valueFrom/fieldRef/fieldPath").asText();
    return switch (field) {
      case "metadata.namespace" -> Helm.NAMESPACE;
      case "metadata.name" -> "tidy-luigi-operator-6c7d9f5b8-x2x7q";
      case "" -> entry.path("value").asText();
      default -> throw new AssertionError("unknown field " + field);
    };
  }
}
