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
 * What the leader does besides reconciling the runs that an event concerns: admit, move runs that
 * become due, renew the heartbeat of the cluster, conclude deletions, sweep.
 */
public final class Loops {
  /** What wakes which loop. */
  public record Signals(Signal admission, Signal timer, Signal deletion) implements Wakeups {
    public static Signals create() {
      return new Signals(new Signal(), new Signal(), new Signal());
    }

    @Override
    public void wakeAdmission() {
      admission.raise();
    }

    @Override
    public void wakeTimer() {
      timer.raise();
    }
  }

  private static final Duration SWEEP = Duration.ofSeconds(30);
  private static final Duration HEARTBEAT = Duration.ofSeconds(10);

  /** Normally a signal starts a pass; this is for a change that no signal reports. */
  private static final Duration ADMISSION = Duration.ofMinutes(1);

  private static final Duration MAX_TIMER = Duration.ofMinutes(5);
  private static final Duration MIN_TIMER = Duration.ofMillis(10);
  private static final Duration DELETIONS_DEBOUNCE = Duration.ofSeconds(2);

  /** Deletions are concluded by each sweep as well. */
  private static final Duration DELETIONS = Duration.ofHours(1);

  /** Every call of a store ends long before; a pass that takes longer hangs. */
  private static final Duration PASS_TIMEOUT = Duration.ofMinutes(3);

  /** A sweep lists everything and reconciles each live run; many deletions are many commits. */
  private static final Duration SWEEP_TIMEOUT = Duration.ofMinutes(10);

  private final Ledger ledger;
  private final Sweep sweep;
  private final AdmissionLoop admission;
  private final Signals signals;
  private final Runnable wakeUnobserved;
  private final Metrics metrics;
  private final RandomGenerator random;
  private final List<Loop> loops;

  /**
   * @param idTaken called when another cluster has taken the name of this one
   * @param wakeUnobserved has the runs reconciled whose newest spec has not been seen
   */
  public Loops(
      Ledger ledger,
      Sweep sweep,
      AdmissionLoop admission,
      Signals signals,
      ClusterRegistration registration,
      Runnable idTaken,
      Runnable wakeUnobserved,
      Metrics metrics,
      RandomGenerator random) {
    this.ledger = ledger;
    this.sweep = sweep;
    this.admission = admission;
    this.signals = signals;
    this.wakeUnobserved = wakeUnobserved;
    this.metrics = metrics;
    this.random = random;
    loops =
        List.of(
            new Loop("admission", signals.admission(), Duration.ZERO, PASS_TIMEOUT, this::admit),
            new Loop("time", signals.timer(), Duration.ZERO, PASS_TIMEOUT, this::due),
            new Loop(
                "deletions",
                signals.deletion(),
                DELETIONS_DEBOUNCE,
                SWEEP_TIMEOUT,
                this::deletions),
            new Loop(
                "heartbeat",
                new Signal(),
                Duration.ZERO,
                PASS_TIMEOUT,
                () -> {
                  if (!registration.renew()) {
                    idTaken.run();
                  }
                  return HEARTBEAT;
                }),
            new Loop("sweep", new Signal(), Duration.ZERO, SWEEP_TIMEOUT, this::sweep));
    for (Loop loop : loops) {
      metrics.gauge(
          "loop.idle.seconds",
          "Seconds since the loop last came round; NaN while it does not run here",
          "loop",
          loop.name(),
          () -> loop.sinceLastPass().map(d -> d.toMillis() / 1000.0).orElse(Double.NaN));
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
      signals.wakeAdmission();
      next = ledger.queries().nextDue();
    }
    Duration pause = next.map(t -> Duration.between(now, t)).orElse(MAX_TIMER);
    if (pause.compareTo(MIN_TIMER) < 0) {
      return MIN_TIMER;
    }
    return pause.compareTo(MAX_TIMER) > 0 ? MAX_TIMER : pause;
  }

  private Duration deletions() {
    sweep.concludeDeletions();
    signals.wakeAdmission(); // a canceled run may have been the head of a free key
    return DELETIONS;
  }

  private Duration sweep() {
    Sweep.Report report = metrics.sweeping(sweep::pass);
    metrics.repaired("orphaned_jobs", report.orphanedJobs());
    metrics.repaired("orphaned_pods", report.orphanedPods());
    metrics.repaired("unbound_open_pods", report.unboundOpenPods());
    metrics.repaired("stale_holders", report.staleHolders());
    metrics.repaired("heads", report.heads());
    metrics.unconfirmedDeletions(report.unconfirmedDeletions());
    admission.block(report.blocked());
    wakeUnobserved.run();
    metrics.countByState(ledger.queries().countByState());
    signals.wakeAdmission();
    // so that two clusters that started together do not go on sweeping together
    return SWEEP.plusMillis(random.nextLong(-SWEEP.toMillis() / 10, SWEEP.toMillis() / 10));
  }
}
