/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.luigioperator.job.KubeUnavailable;
import io.luigioperator.ledger.LedgerUnavailable;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One thread that goes round: it waits for its signal or its time, lets things settle, and does its
 * pass. Whatever a pass throws is logged and the pass made again, with growing pauses: nothing but
 * {@link #stop} ends a loop. It can tell when it should have come round and has not.
 */
public final class Loop {
  private static final Logger LOG = LoggerFactory.getLogger(Loop.class);
  private static final Duration FIRST_PAUSE = Duration.ofSeconds(1);
  private static final Duration LONGEST_PAUSE = Duration.ofSeconds(30);

  private final String name;
  private final Signal signal;
  private final Duration settle;
  private final Duration patience;
  private final Supplier<Duration> pass;
  private final ReentrantLock onePassAtATime = new ReentrantLock();
  private volatile Optional<Turn> turn = Optional.empty();

  /**
   * @param settle how long to wait after the signal, so that what comes in a burst is one pass
   * @param patience how long a pass may take before the loop counts as stuck
   * @param pass returns the time until the next one at the latest
   */
  public Loop(
      String name, Signal signal, Duration settle, Duration patience, Supplier<Duration> pass) {
    this.name = name;
    this.signal = signal;
    this.settle = settle;
    this.patience = patience;
    this.pass = pass;
  }

  public String name() {
    return name;
  }

  /** Begins with a pass. Does nothing when it goes round already. */
  public synchronized void start() {
    if (turn.filter(t -> !t.stopping).isEmpty()) {
      Turn next = new Turn();
      turn = Optional.of(next);
      next.thread.start();
    }
  }

  /** No further pass begins; one under way is finished, and {@link #awaitStopped} waits for it. */
  public synchronized void stop() {
    turn.ifPresent(
        t -> {
          t.stopping = true;
          signal.raise();
        });
  }

  /** Whether the last pass is done within this time. */
  public boolean awaitStopped(Duration atMost) throws InterruptedException {
    Optional<Turn> current = turn;
    return current.isEmpty() || current.get().thread.join(atMost);
  }

  /** By how much it is late; empty when it is not, or does not go round. */
  public Optional<Duration> lateBy() {
    return turn.filter(t -> !t.stopping)
        .map(t -> Duration.ofNanos(System.nanoTime() - t.expected))
        .filter(Duration::isPositive);
  }

  /** Time since the last pass was done; empty before the first one. */
  public Optional<Duration> sinceLastRound() {
    return turn.filter(t -> !t.stopping && t.completedOne)
        .map(t -> Duration.ofNanos(System.nanoTime() - t.lastRound));
  }

  /** From one start to the next stop. */
  private final class Turn {
    private final Thread thread = Thread.ofPlatform().name(name).daemon().unstarted(this::goRound);
    private volatile boolean stopping;
    private volatile long expected = System.nanoTime() + patience.toNanos();
    private volatile long lastRound;
    private volatile boolean completedOne;
    private int failures;

    private void goRound() {
      try {
        while (!stopping) {
          rest(onePass());
        }
      } catch (InterruptedException e) {
        LOG.atWarn().addKeyValue("loop", name).log("interrupted: the loop ends");
        Thread.currentThread().interrupt();
      }
    }

    private Duration onePass() {
      expect(Duration.ZERO);
      // a turn before this one may still be in its last pass
      onePassAtATime.lock();
      try {
        Duration next = pass.get();
        if (failures > 0) {
          LOG.atInfo().addKeyValue("loop", name).addKeyValue("failures", failures).log("recovered");
        }
        failures = 0;
        return next;
      } catch (Throwable e) { // an Error of one pass must not silently end all others
        failures++;
        complain(e);
        return pauseAfterFailure();
      } finally {
        onePassAtATime.unlock();
        lastRound = System.nanoTime();
        completedOne = true;
      }
    }

    private void rest(Duration pause) throws InterruptedException {
      expect(pause.plus(settle));
      if (failures > 0) {
        pause(pause);
        return;
      }
      signal.await(pause);
      pause(settle);
    }

    /** Only a stop cuts it short; other signals have their answer in the pass that follows. */
    private void pause(Duration pause) throws InterruptedException {
      long end = System.nanoTime() + pause.toNanos();
      for (long left = pause.toNanos(); left > 0 && !stopping; left = end - System.nanoTime()) {
        signal.await(Duration.ofNanos(left));
      }
    }

    private void expect(Duration rest) {
      expected = System.nanoTime() + rest.plus(patience).toNanos();
    }

    private Duration pauseAfterFailure() {
      Duration pause = FIRST_PAUSE.multipliedBy(1L << Math.min(failures - 1, 10));
      return pause.compareTo(LONGEST_PAUSE) > 0 ? LONGEST_PAUSE : pause;
    }

    private void complain(Throwable e) {
      var event = LOG.atWarn().addKeyValue("loop", name).addKeyValue("failures", failures);
      switch (e) {
        // a store that is away explains itself; where it was asked from does not matter
        case LedgerUnavailable _, KubeUnavailable _ ->
            event.addKeyValue("error", e.getMessage()).log("a store is away");
        default -> event.setCause(e).log("a pass failed");
      }
    }
  }
}
