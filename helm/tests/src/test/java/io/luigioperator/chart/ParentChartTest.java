/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.chart;

import static io.luigioperator.chart.Manifests.each;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The chart as a dependency of a parent chart (umbrella chart). */
class ParentChartTest {
  @TempDir private Path parent;

  /** JUnit does not follow the link either, but warns. */
  @AfterEach
  void unlink() throws IOException {
    Files.deleteIfExists(link());
  }

  private Path link() {
    return parent.resolve("charts/luigi-operator");
  }

  @Test
  void theParentChartEnablesAndDisablesTheChart() throws IOException {
    assertThat(render().ofKind("Deployment")).hasSize(1);
    assertThat(render("--set", "luigi-operator.enabled=false").objects()).isEmpty();
  }

  /** As if it were the parent. */
  @Test
  void aDisabledChartInstallsNothing() {
    assertThat(
            Helm.rendered("production-full", "--set", "enabled=false,extraObjects=null").objects())
        .isEmpty();
    assertThat(Helm.rendered("demo", "--set", "enabled=false").objects()).isEmpty();
  }

  @Test
  void pullSecretsOfTheParentChartAreAdded() throws IOException {
    Manifests rendered =
        render(
            "--set",
            "luigi-operator.imagePullSecrets[0].name=own,global.imagePullSecrets={shared,own},"
                + "global.region=eu");
    assertThat(rendered.podTemplates())
        .hasSize(2)
        .allSatisfy(
            pod ->
                assertThat(each(pod.at("/spec/imagePullSecrets")).map(s -> s.path("name").asText()))
                    .containsExactly("own", "shared"));
  }

  private Manifests render(String... further) throws IOException {
    Files.writeString(
        parent.resolve("Chart.yaml"),
        """
        apiVersion: v2
        name: parent
        version: 1.0.0
        dependencies: [{name: luigi-operator, version: "*", condition: luigi-operator.enabled}]
        """);
    if (!Files.exists(link())) {
      Files.createDirectories(link().getParent());
      Files.createSymbolicLink(link(), Path.of(Helm.chart(Helm.OPERATOR)));
    }
    var arguments =
        new ArrayList<>(
            List.of(
                "template",
                Helm.RELEASE,
                parent.toString(),
                "--set",
                "luigi-operator.clusterId=east,luigi-operator.mysql.host=db,"
                    + "luigi-operator.mysql.existingSecret=ledger"));
    arguments.addAll(List.of(further));
    return Manifests.parse(Helm.offline().run(arguments.toArray(String[]::new)).orFail());
  }
}
