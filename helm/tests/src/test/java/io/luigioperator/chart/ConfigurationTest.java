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

/** The operator understands the environment that the chart gives it, within the same bounds. */
class ConfigurationTest {
  @EverySet
  void theOperatorTakesWhatIsRendered(String set) throws Exception {
    assertThat(config(set).leaseNamespace()).isEqualTo(Helm.NAMESPACE);
  }

  @Test
  void inTheDemoItAsksTheDatabaseOfTheDemo() throws Exception {
    assertThat(config("demo").ledger().host())
        .isEqualTo(Helm.rendered("demo").only("StatefulSet").at("/spec/serviceName").asText());
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
    // Head starts may not fall from class to class, so they go to their bounds together.
    var together =
        change.startsWith("priorities.")
            ? Stream.of("low", "normal", "high", "critical")
                .map(c -> "priorities.headStartSeconds." + c + change.replaceFirst(".*=", "="))
            : Stream.of(change);
    config("production", Helm.setting(together));
  }

  private static OperatorConfig config(String set, String... further)
      throws OperatorConfig.Invalid, IOException {
    return Helm.rendered(set, further).configuration();
  }
}
