/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ops;

import io.luigioperator.run.RunState;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.binder.jvm.JvmMemoryMetrics;
import io.micrometer.core.instrument.binder.system.ProcessorMetrics;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.time.Duration;
import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;

/**
 * What the operator counts. Labels come from closed sets (states, reasons, kinds), never from runs,
 * clients or namespaces, so that their number does not grow with use. Durations are in seconds.
 */
public final class Metrics implements AutoCloseable {
  private static final String P = "luigi.operator.";
  private static final Duration[] STEPS = {
    Duration.ofMillis(10),
    Duration.ofMillis(25),
    Duration.ofMillis(50),
    Duration.ofMillis(100),
    Duration.ofMillis(200),
    Duration.ofMillis(500),
    Duration.ofSeconds(1),
    Duration.ofSeconds(5),
    Duration.ofSeconds(30),
    Duration.ofMinutes(5)
  };

  private final PrometheusMeterRegistry registry =
      new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
  private final ProcessorMetrics processor = new ProcessorMetrics();
  private final AtomicInteger leader = new AtomicInteger();
  private final LeadersGauge freeSlots;
  private final LeadersGauge unconfirmedDeletions;
  private final Map<RunState, LeadersGauge> runs = new EnumMap<>(RunState.class);

  /** What only a leader counts; NaN while this replica does not lead, or has not counted yet. */
  private final class LeadersGauge {
    private volatile double value = Double.NaN;

    LeadersGauge(String name, String description, String... tags) {
      Gauge.builder(P + name, () -> leader.get() == 1 ? value : Double.NaN)
          .description(description)
          .tags(tags)
          .register(registry);
    }
  }

  public Metrics(BuildInfo build) {
    Gauge.builder(P + "info", () -> 1)
        .description("Always 1; the labels say what is running")
        .tag("version", build.version())
        .tag("commit", build.commit())
        .register(registry);
    Gauge.builder(P + "leader", leader, AtomicInteger::get)
        .description("1 while this replica leads")
        .register(registry);
    freeSlots =
        new LeadersGauge(
            "free.slots",
            "Attempts that may still be started in this cluster, as last counted; NaN: not leading");
    unconfirmedDeletions =
        new LeadersGauge(
            "deletions.unconfirmed",
            "Runs held because their objects were lost with many others; NaN: not leading");
    for (RunState state : RunState.values()) {
      if (!state.isTerminal()) {
        runs.put(
            state,
            new LeadersGauge(
                "runs",
                "Runs that are not finished, as the last sweep counted them; NaN: not leading",
                "state",
                state.name()));
      }
    }
    new JvmMemoryMetrics().bindTo(registry);
    processor.bindTo(registry);
  }

  /** Everything, in the text format of Prometheus. */
  public String scrape() {
    return registry.scrape();
  }

  /** For components that count for themselves. */
  public MeterRegistry registry() {
    return registry;
  }

  public void leads() {
    freeSlots.value = Double.NaN; // what it counted when it led before is old
    unconfirmedDeletions.value = Double.NaN;
    runs.values().forEach(gauge -> gauge.value = Double.NaN);
    leader.set(1);
  }

  public void follows() {
    leader.set(0);
  }

  public void freeSlots(int free) {
    freeSlots.value = free;
  }

  /** Runs that are held until their objects are back or a person confirms. */
  public void unconfirmedDeletions(int held) {
    unconfirmedDeletions.value = held;
  }

  public void countByState(Map<RunState, Long> counts) {
    runs.forEach((state, gauge) -> gauge.value = counts.getOrDefault(state, 0L));
  }

  /** Counts what a sweep had to mend, which should be nothing. */
  public void repaired(String kind, int number) {
    counter("sweep.repairs", "What sweeps had to mend", "kind", kind).increment(number);
  }

  /**
   * A gauge that is read when asked.
   *
   * @param value NaN when there is nothing to tell
   */
  public void gauge(
      String name, String description, String label, String labelValue, Supplier<Number> value) {
    Gauge.builder(P + name, value)
        .description(description)
        .tag(label, labelValue)
        .register(registry);
  }

  /** Does a sweep and times it. */
  public <T> T sweeping(Supplier<T> pass) {
    return timed(timer("sweep", "One sweep over everything"), pass);
  }

  /** Does an admission pass and times it. */
  public <T> T admitting(Supplier<T> pass) {
    return timed(timer("admission", "One admission pass"), pass);
  }

  private static <T> T timed(Timer timer, Supplier<T> pass) {
    Timer.Sample sample = Timer.start();
    try {
      return pass.get();
    } finally {
      sample.stop(timer);
    }
  }

  Counter counter(String name, String description, String... tags) {
    return Counter.builder(P + name).description(description).tags(tags).register(registry);
  }

  Timer timer(String name, String description, String... tags) {
    return Timer.builder(P + name)
        .description(description)
        .tags(tags)
        .serviceLevelObjectives(STEPS)
        .register(registry);
  }

  @Override
  public void close() {
    registry.close();
  }
}
