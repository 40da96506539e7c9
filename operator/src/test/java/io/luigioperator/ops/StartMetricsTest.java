/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ops;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class StartMetricsTest {
  private final Metrics metrics = new Metrics(new BuildInfo("1", "c"));

  private double value(String metric) {
    List<String> lines = metrics.scrape().lines().filter(l -> l.startsWith(metric + " ")).toList();
    assertThat(lines).hasSize(1);
    return Double.parseDouble(lines.getFirst().substring(metric.length() + 1));
  }

  @Test
  void showsTheCostOfTheStartOnceReady() {
    StartMetrics start = new StartMetrics(metrics);
    assertThat(value("luigi_operator_start_cpu_seconds")).isNaN();
    assertThat(value("luigi_operator_ready_seconds")).isNaN();

    start.ready();

    assertThat(value("luigi_operator_start_cpu_seconds")).isPositive();
    assertThat(value("luigi_operator_ready_seconds")).isPositive();
    double first = value("luigi_operator_ready_seconds");
    assertThat(value("luigi_operator_ready_seconds")).as("does not grow").isEqualTo(first);
    assertThat(value("luigi_operator_aot_cache")).as("tests run without one").isZero();
  }

  @ParameterizedTest
  @CsvSource({
    "'', 'mixed mode, sharing', false", // the default archive of the JDK
    "'', mixed mode, false",
    "/opt/app.aot, 'mixed mode, sharing', true",
    "/opt/app.aot, mixed mode, false", // the JVM has ignored the cache
  })
  void anAotCacheIsInUseIfTheJvmSharesIt(String option, String vmInfo, boolean inUse) {
    assertThat(StartMetrics.aotCacheInUse(option, vmInfo)).isEqualTo(inUse);
  }
}
