/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.luigioperator.admission.AdmissionLoop;
import io.luigioperator.ledger.Ledger;
import io.luigioperator.ops.Metrics;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.random.RandomGenerator;

/**
 * What the leader does besides looking at runs that something happened to: admit, watch the time,
 * say that the cluster is alive, conclude deletions, sweep.
 */
public final class Loops {
  /** What wakes which loop. */
  public record Signals(Signal room, Signal time, Signal deletion) {
    public static Signals create() {
      return new Signals(new Signal(), new Signal(), new Signal());
    }

    /** A key or a slot may have come free, or a run become READY or DELAYED. */
    public void admissionNeeded() {
      room.raise();
      time.raise();
    }
  }

  private static final Duration SWEEP = Duration.ofSeconds(30);
  private static final Duration HEARTBEAT = Duration.ofSeconds(10);

  /** Whatever makes room raises a signal; this is for what no signal tells. */
  private static final Duration ADMISSION = Duration.ofMinutes(1);

  private static final Duration LONGEST_TIMER = Duration.ofMinutes(5);
  private static final Duration SHORTEST_TIMER = Duration.ofMillis(10);
  private static final Duration DELETIONS_SETTLE = Duration.ofSeconds(2);

  /** ObjectDeletions are concluded by each sweep as well. */
  private static final Duration DELETIONS = Duration.ofHours(1);

  /** The stores' own timeouts come long before; a pass of so long hangs for good. */
  private static final Duration PATIENCE = Duration.ofMinutes(3);

  /** A sweep lists everything and drives each live attempt; many deletions are many commits. */
  private static final Duration SWEEP_PATIENCE = Duration.ofMinutes(10);

  private final Ledger ledger;
  private final Sweep sweep;
  private final AdmissionLoop admission;
  private final Signals signals;
  private final Metrics metrics;
  private final RandomGenerator random;
  private final List<Loop> loops;

  /**
   * @param nameLost told when another cluster has taken the name of this one
   */
  public Loops(
      Ledger ledger,
      Sweep sweep,
      AdmissionLoop admission,
      Signals signals,
      ClusterRegistration name,
      Runnable nameLost,
      Metrics metrics,
      RandomGenerator random) {
    this.ledger = ledger;
    this.sweep = sweep;
    this.admission = admission;
    this.signals = signals;
    this.metrics = metrics;
    this.random = random;
    loops =
        List.of(
            new Loop("admission", signals.room(), Duration.ZERO, PATIENCE, this::admit),
            new Loop("time", signals.time(), Duration.ZERO, PATIENCE, this::due),
            new Loop(
                "deletions", signals.deletion(), DELETIONS_SETTLE, SWEEP_PATIENCE, this::deletions),
            new Loop(
                "heartbeat",
                new Signal(),
                Duration.ZERO,
                PATIENCE,
                () -> {
                  if (!name.keep()) {
                    nameLost.run();
                  }
                  return HEARTBEAT;
                }),
            new Loop("sweep", new Signal(), Duration.ZERO, SWEEP_PATIENCE, this::sweep));
    for (Loop loop : loops) {
      metrics.gauge(
          "loop.idle.seconds",
          "Seconds since the loop last came round; NaN while it does not run here",
          "loop",
          loop.name(),
          () -> loop.sinceLastRound().map(d -> d.toMillis() / 1000.0).orElse(Double.NaN));
    }
  }

  public void start() {
    loops.forEach(Loop::start);
  }

  /** No further pass begins. */
  public void stop() {
    loops.forEach(Loop::stop);
  }

  /** Whether all passes under way were done within this time. */
  public boolean awaitStopped(Duration atMost) throws InterruptedException {
    long end = System.nanoTime() + atMost.toNanos();
    boolean stopped = true;
    for (Loop loop : loops) {
      stopped &= loop.awaitStopped(Duration.ofNanos(Math.max(1, end - System.nanoTime())));
    }
    return stopped;
  }

  /** Names the loops that should have come round and have not. */
  public Optional<String> stuck() {
    List<String> late =
        loops.stream()
            .filter(loop -> loop.lateBy().isPresent())
            .map(loop -> loop.name() + " is late by " + loop.lateBy().orElse(Duration.ZERO))
            .toList();
    return late.isEmpty() ? Optional.empty() : Optional.of(String.join(", ", late));
  }

  private Duration admit() {
    metrics.freeSlots(metrics.admitting(admission::pass));
    return ADMISSION;
  }

  private Duration due() {
    Instant now = ledger.queries().now();
    Optional<Instant> next = ledger.queries().nextDue();
    if (next.filter(t -> !t.isAfter(now)).isPresent()) {
      sweep.due();
      signals.room().raise();
      next = ledger.queries().nextDue();
    }
    Duration pause = next.map(t -> Duration.between(now, t)).orElse(LONGEST_TIMER);
    if (pause.compareTo(SHORTEST_TIMER) < 0) {
      return SHORTEST_TIMER;
    }
    return pause.compareTo(LONGEST_TIMER) > 0 ? LONGEST_TIMER : pause;
  }

  private Duration deletions() {
    sweep.concludeDeletions();
    return DELETIONS;
  }

  private Duration sweep() {
    Sweep.Report report = metrics.sweeping(sweep::pass);
    metrics.repaired("stray_jobs", report.strayJobs());
    metrics.repaired("stray_pods", report.strayPods());
    metrics.repaired("unbound_open_pods", report.unboundOpenPods());
    metrics.repaired("stale_holders", report.staleHolders());
    metrics.repaired("heads", report.heads());
    metrics.unconfirmedDeletions(report.unconfirmedDeletions());
    admission.bar(report.barred());
    metrics.countByState(ledger.queries().countByState());
    signals.room().raise();
    // so that two clusters that started together do not go on sweeping together
    return SWEEP.plusMillis(random.nextLong(-SWEEP.toMillis() / 10, SWEEP.toMillis() / 10));
  }
}
