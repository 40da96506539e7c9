/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.chart;

import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.OperatorConfig;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The operator accepts the environment from the chart, with the bounds of the schema. */
class ConfigurationTest {
  @ForEachValuesFile
  void theOperatorAcceptsTheRenderedEnvironment(String set) throws Exception {
    assertThat(config(set).leaseNamespace()).isEqualTo(Helm.NAMESPACE);
  }

  @Test
  void inTheDemoTheOperatorUsesTheDatabaseOfTheDemo() throws Exception {
    assertThat(config("demo").ledger().host())
        .isEqualTo(Helm.rendered("demo").only("StatefulSet").at("/spec/serviceName").asText());
  }

  /** Minimum and maximum of every number, every enum value, the longest names. */
  static Stream<String> extremes() {
    var changes = new ArrayList<String>();
    ValuesSchema.leaves()
        .forEach(
            (path, node) -> {
              for (String bound : List.of("minimum", "maximum")) {
                if (node.has(bound)) {
                  changes.add(path + "=" + node.path(bound).asText());
                }
              }
            });
    for (String choice : List.of("logLevel", "mysql.sslMode")) {
      Manifests.texts(ValuesSchema.leaves().get(choice).path("enum"))
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
  void theOperatorAcceptsWhatTheSchemaAllows(String change) throws Exception {
    // Head starts must not decrease with the priority, so set all of them to the bound.
    var together =
        change.startsWith("priorities.")
            ? Stream.of("low", "normal", "high", "critical")
                .map(c -> "priorities.headStartSeconds." + c + change.replaceFirst(".*=", "="))
            : Stream.of(change);
    config("production", Helm.setJson(together));
  }

  private static OperatorConfig config(String set, String... further)
      throws OperatorConfig.Invalid, IOException {
    return Helm.rendered(set, further).configuration();
  }
}
