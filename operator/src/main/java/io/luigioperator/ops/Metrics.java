/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ops;

import io.luigioperator.run.RunState;
import io.luigioperator.schedule.SkipReason;
import io.luigioperator.schedule.TimeZones;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.binder.jvm.JvmMemoryMetrics;
import io.micrometer.core.instrument.binder.system.ProcessorMetrics;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.time.Duration;
import java.time.Instant;
import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;

/**
 * The metrics of the operator. Labels come from closed sets (states, reasons, kinds), never from
 * runs, clients or namespaces, so that their number does not grow with use. Durations are in
 * seconds. Thread-safe.
 */
public final class Metrics implements AutoCloseable {
  private static final String PREFIX = "luigi.operator.";
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
  private final LeaderGauge freeSlots;
  private final LeaderGauge unconfirmedDeletions;
  private final LeaderGauge failingClients;
  private final LeaderGauge laggingClients;
  private final Map<RunState, LeaderGauge> runs = new EnumMap<>(RunState.class);

  /** A value that only the leader knows; NaN while this replica does not lead or has no value. */
  private final class LeaderGauge {
    private volatile double value = Double.NaN;

    LeaderGauge(String name, String description, String... tags) {
      Gauge.builder(PREFIX + name, () -> leader.get() == 1 ? value : Double.NaN)
          .description(description)
          .tags(tags)
          .register(registry);
    }
  }

  public Metrics(BuildInfo build) {
    Gauge.builder(PREFIX + "info", () -> 1)
        .description(
            "Always 1; the labels hold the versions of the operator and of the tz database")
        .tag("version", build.version())
        .tag("commit", build.commit())
        .tag("tzdb", TimeZones.version())
        .register(registry);
    Gauge.builder(PREFIX + "leader", leader, AtomicInteger::get)
        .description("1 while this replica leads")
        .register(registry);
    freeSlots =
        new LeaderGauge(
            "free.slots",
            "Attempts that may still start in this cluster, after the last admission; NaN: not leading");
    unconfirmedDeletions =
        new LeaderGauge(
            "deletions.unconfirmed",
            "Runs held because many PipelineRuns disappeared at once; NaN: not leading");
    failingClients =
        new LeaderGauge(
            "clients.failing",
            "Clients of all schedules whose newest ended business date has failed; NaN: not leading");
    laggingClients =
        new LeaderGauge(
            "clients.lagging",
            "Clients of all schedules with at least two business dates behind that are not failing; NaN: not leading");
    for (RunState state : RunState.values()) {
      if (!state.isFinal()) {
        runs.put(
            state,
            new LeaderGauge(
                "runs",
                "Runs that are not finished, counted by the last sweep; NaN: not leading",
                "state",
                state.name()));
      }
    }
    new JvmMemoryMetrics().bindTo(registry);
    processor.bindTo(registry);
  }

  /** All metrics in the text format of Prometheus. */
  public String scrape() {
    return registry.scrape();
  }

  /** For components that register metrics of their own. */
  public MeterRegistry registry() {
    return registry;
  }

  public void leads() {
    freeSlots.value = Double.NaN; // the values of an earlier leadership are outdated
    unconfirmedDeletions.value = Double.NaN;
    failingClients.value = Double.NaN;
    laggingClients.value = Double.NaN;
    runs.values().forEach(gauge -> gauge.value = Double.NaN);
    leader.set(1);
  }

  public void follows() {
    leader.set(0);
  }

  public void freeSlots(int free) {
    freeSlots.value = free;
  }

  /** Runs that are held until their objects are back or a person confirms the deletions. */
  public void unconfirmedDeletions(int held) {
    unconfirmedDeletions.value = held;
  }

  /** How many clients of all schedules are failing and lagging. */
  public void clientHealth(int failing, int lagging) {
    failingClients.value = failing;
    laggingClients.value = lagging;
  }

  public void countByState(Map<RunState, Long> counts) {
    runs.forEach((state, gauge) -> gauge.value = counts.getOrDefault(state, 0L));
  }

  /** Counts what a sweep had to repair; usually nothing. */
  public void repaired(String kind, int number) {
    counter("sweep.repairs", "What sweeps had to repair", "kind", kind).increment(number);
  }

  /**
   * Registers a gauge whose value is read at each scrape.
   *
   * @param value NaN if there is none
   */
  public void gauge(
      String name, String description, String label, String labelValue, Supplier<Number> value) {
    Gauge.builder(PREFIX + name, value)
        .description(description)
        .tag(label, labelValue)
        .register(registry);
  }

  /**
   * Counts decided cron times.
   *
   * @param fired business dates that got a run
   * @param duplicates cron times of dates that had fired before
   * @param skipped others, by reason
   */
  public void ticks(int fired, int duplicates, Map<SkipReason, Long> skipped) {
    count("Fired", fired);
    count(SkipReason.DuplicateDate.name(), duplicates);
    skipped.forEach((reason, number) -> count(reason.name(), number));
  }

  private void count(String decision, long number) {
    if (number > 0) {
      counter("ticks", "Cron times that were decided", "decision", decision)
          .increment((double) number);
    }
  }

  /** Records how long after its time a cron time has fired. */
  public void tickDecided(Instant cronTime, Instant now) {
    timer("ticks.delay", "From a cron time that fires to its decision")
        .record(Duration.between(cronTime, now));
  }

  /**
   * Reports a forward jump of the database clock.
   *
   * @param ahead length of the jump; zero if there is none
   */
  public void databaseClockAhead(Supplier<Duration> ahead) {
    Gauge.builder(PREFIX + "database.clock.ahead.seconds", () -> ahead.get().toMillis() / 1000.0)
        .description(
            "Length of a forward jump of the database clock in seconds; above 0 nothing is decided")
        .register(registry);
  }

  /** Runs a sweep and records its duration. */
  public <T> T sweeping(Supplier<T> pass) {
    return timed(timer("sweep", "One sweep"), pass);
  }

  /** Runs an admission pass and records its duration. */
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
    return Counter.builder(PREFIX + name).description(description).tags(tags).register(registry);
  }

  Timer timer(String name, String description, String... tags) {
    return Timer.builder(PREFIX + name)
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
