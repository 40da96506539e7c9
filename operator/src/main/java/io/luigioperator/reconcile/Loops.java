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
import java.util.function.Consumer;
import java.util.random.RandomGenerator;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The periodic work of the leader: admission, DELAYED runs that become due, cron times and limits
 * of schedules, the heartbeat of the cluster, deletions of PipelineRuns, and the sweep.
 */
public final class Loops {
  /**
   * The signals that start a pass before its time: of the loops admission, time, deletions, ticks
   * and limits.
   */
  public record Signals(
      Signal admission, Signal timer, Signal deletion, Signal ticks, Signal limits)
      implements Wakeups {
    public static Signals create() {
      return new Signals(new Signal(), new Signal(), new Signal(), new Signal(), new Signal());
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

  /** Normally a signal starts a pass; this interval is for changes without a signal. */
  private static final Duration ADMISSION = Duration.ofMinutes(1);

  private static final Duration MAX_TIMER = Duration.ofMinutes(5);
  private static final Duration MIN_TIMER = Duration.ofMillis(10);
  private static final Duration DELETIONS_DEBOUNCE = Duration.ofSeconds(2);

  /** Each sweep handles deletions, too. */
  private static final Duration DELETIONS = Duration.ofHours(1);

  /** Every call of a store times out long before; a pass that takes longer hangs. */
  private static final Duration PASS_TIMEOUT = Duration.ofMinutes(3);

  /** A sweep lists everything and reconciles each live run; each deletion is a commit. */
  private static final Duration SWEEP_TIMEOUT = Duration.ofMinutes(10);

  private final Ledger ledger;
  private final Sweep sweep;
  private final AdmissionLoop admission;
  private final TickLoop ticks;
  private final ScheduleLimits scheduleLimits;
  private static final Logger LOG = LoggerFactory.getLogger(Loops.class);

  private final Signals signals;
  private final ClusterRegistration registration;
  private final Runnable wakeUnobserved;
  private final Metrics metrics;
  private final RandomGenerator random;
  private final List<Loop> loops;

  /** Whether the next sweep is the first one of this leadership. */
  private volatile boolean firstSweep;

  /**
   * @param refused called with the reason if this cluster may not use the ledger any more
   * @param wakeUnobserved called by each sweep; must have the runs reconciled whose status does not
   *     reflect their newest spec
   */
  public Loops(
      Ledger ledger,
      Sweep sweep,
      AdmissionLoop admission,
      TickLoop ticks,
      ScheduleLimits scheduleLimits,
      Signals signals,
      ClusterRegistration registration,
      Consumer<String> refused,
      Runnable wakeUnobserved,
      Metrics metrics,
      RandomGenerator random) {
    this.ledger = ledger;
    this.sweep = sweep;
    this.admission = admission;
    this.ticks = ticks;
    this.scheduleLimits = scheduleLimits;
    this.signals = signals;
    this.registration = registration;
    this.wakeUnobserved = wakeUnobserved;
    this.metrics = metrics;
    this.random = random;
    loops =
        List.of(
            new Loop("admission", signals.admission(), Duration.ZERO, PASS_TIMEOUT, this::admit),
            new Loop("time", signals.timer(), Duration.ZERO, PASS_TIMEOUT, this::moveDue),
            new Loop("ticks", signals.ticks(), Duration.ZERO, SWEEP_TIMEOUT, ticks::pass),
            new Loop(
                "limits", signals.limits(), Duration.ZERO, SWEEP_TIMEOUT, scheduleLimits::pass),
            new Loop(
                "deletions",
                signals.deletion(),
                DELETIONS_DEBOUNCE,
                SWEEP_TIMEOUT,
                this::concludeDeletions),
            new Loop(
                "heartbeat",
                new Signal(),
                Duration.ZERO,
                PASS_TIMEOUT,
                () -> {
                  registration.renew().ifPresent(refused);
                  return HEARTBEAT;
                }),
            new Loop("sweep", new Signal(), Duration.ZERO, SWEEP_TIMEOUT, this::sweep));
    for (Loop loop : loops) {
      metrics.gauge(
          "loop.idle.seconds",
          "Seconds since the loop last finished a pass; NaN: not leading",
          "loop",
          loop.name(),
          () -> loop.sinceLastPass().map(d -> d.toMillis() / 1000.0).orElse(Double.NaN));
    }
  }

  public void start() {
    sweep.leadershipBegins();
    ticks.leadershipBegins();
    scheduleLimits.leadershipBegins();
    admission.pause();
    firstSweep = true;
    loops.forEach(Loop::start);
  }

  /** No further pass starts. */
  public void stop() {
    loops.forEach(Loop::stop);
  }

  /** Waits for the passes in progress; returns false if one did not finish in time. */
  public boolean awaitStopped(Duration atMost) throws InterruptedException {
    long end = System.nanoTime() + atMost.toNanos();
    boolean stopped = true;
    for (Loop loop : loops) {
      stopped &= loop.awaitStopped(Duration.ofNanos(Math.max(1, end - System.nanoTime())));
    }
    return stopped;
  }

  /** The loops whose pass takes too long; empty if there are none. */
  public Optional<String> stuck() {
    List<String> late =
        loops.stream()
            .filter(loop -> loop.lateBy().isPresent())
            .map(loop -> loop.name() + " is overdue by " + loop.lateBy().orElse(Duration.ZERO))
            .toList();
    return late.isEmpty() ? Optional.empty() : Optional.of(String.join(", ", late));
  }

  private Duration admit() {
    metrics.freeSlots(metrics.admitting(admission::pass));
    return ADMISSION;
  }

  private Duration moveDue() {
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

  private Duration concludeDeletions() {
    sweep.concludeDeletions();
    signals.wakeAdmission(); // a canceled run may have been the head of a free key
    return DELETIONS;
  }

  /** An error here must not keep the sweep from its work. */
  private void retireDeclared() {
    try {
      registration.retireDeclared();
    } catch (RuntimeException e) {
      LOG.atWarn()
          .addKeyValue("error", e.getMessage())
          .log("it is unknown whether a person has retired a cluster; the next sweep looks again");
    }
  }

  private Duration sweep() {
    if (firstSweep) {
      firstSweep = false;
      sweep.blockedKeys().ifPresent(admission::block);
      admission.resume();
      signals.wakeAdmission();
    }
    retireDeclared();
    Sweep.Result result = metrics.sweeping(sweep::pass);
    metrics.repaired("orphaned_jobs", result.orphanedJobs());
    metrics.repaired("orphaned_pods", result.orphanedPods());
    metrics.repaired("unbound_open_pods", result.unboundOpenPods());
    metrics.repaired("stale_holders", result.staleHolders());
    metrics.repaired("heads", result.heads());
    metrics.unconfirmedDeletions(result.unconfirmedDeletions());
    result.blocked().ifPresent(admission::block);
    wakeUnobserved.run();
    metrics.countByState(ledger.queries().countByState());
    signals.wakeAdmission();
    result
        .failure()
        .ifPresent(
            e -> {
              throw e;
            });
    // random, so that clusters that started together do not keep sweeping at the same time
    return SWEEP.plusMillis(random.nextLong(-SWEEP.toMillis() / 10, SWEEP.toMillis() / 10));
  }
}
