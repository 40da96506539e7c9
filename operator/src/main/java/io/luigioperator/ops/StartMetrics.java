/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ops;

import com.sun.management.HotSpotDiagnosticMXBean;
import com.sun.management.OperatingSystemMXBean;
import io.micrometer.core.instrument.Gauge;
import java.lang.management.ManagementFactory;
import java.util.concurrent.TimeUnit;

/**
 * What the start of this process cost until it was ready, and whether the JVM uses an ahead-of-time
 * cache, which makes most of the difference.
 */
public final class StartMetrics {
  private volatile double cpuSeconds = Double.NaN;
  private volatile double readySeconds = Double.NaN;

  public StartMetrics(Metrics metrics) {
    Gauge.builder("luigi.operator.start.cpu.seconds", () -> cpuSeconds)
        .description("CPU time of the process from its start until it was ready; NaN before")
        .register(metrics.registry());
    Gauge.builder("luigi.operator.ready.seconds", () -> readySeconds)
        .description(
            "Time from the start of the JVM until it was ready, waiting for MySQL and the API server"
                + " included; NaN before")
        .register(metrics.registry());
    double cache = aotCacheInUse() ? 1 : 0;
    Gauge.builder("luigi.operator.aot.cache", () -> cache)
        .description("1 while the JVM uses an ahead-of-time cache")
        .register(metrics.registry());
  }

  /** To be called once, when the process has become ready. */
  public void ready() {
    var process = ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);
    cpuSeconds = process.getProcessCpuTime() / (double) TimeUnit.SECONDS.toNanos(1);
    readySeconds =
        ManagementFactory.getRuntimeMXBean().getUptime() / (double) TimeUnit.SECONDS.toMillis(1);
  }

  private static boolean aotCacheInUse() {
    var flags = ManagementFactory.getPlatformMXBean(HotSpotDiagnosticMXBean.class);
    return aotCacheInUse(
        flags.getVMOption("AOTCache").getValue(), System.getProperty("java.vm.info", ""));
  }

  /**
   * The JVM ignores a cache that does not fit it, and says so only in its log and by the missing
   * "sharing" in {@code java.vm.info}.
   *
   * @param option value of {@code -XX:AOTCache}
   */
  static boolean aotCacheInUse(String option, String vmInfo) {
    return !option.isEmpty() && vmInfo.contains("sharing");
  }
}
