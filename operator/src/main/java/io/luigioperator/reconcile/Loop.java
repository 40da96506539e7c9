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
 * Runs passes on one thread: it waits for its signal or for the time that the last pass returned,
 * debounces, and runs the next pass. A pass that throws is logged and repeated with growing pauses,
 * so that only {@link #stop} ends a loop. {@link #lateBy} reports a pass that takes too long.
 *
 * <p>All methods may be called by several threads at once.
 */
public final class Loop {
  private static final Logger LOG = LoggerFactory.getLogger(Loop.class);
  private static final Duration FIRST_PAUSE = Duration.ofSeconds(1);
  private static final Duration LONGEST_PAUSE = Duration.ofSeconds(30);

  private final String name;
  private final Signal signal;
  private final Duration debounce;
  private final Duration passTimeout;
  private final Supplier<Duration> pass;
  private final ReentrantLock onePassAtATime = new ReentrantLock();
  private volatile Optional<Worker> worker = Optional.empty();

  /**
   * @param debounce pause between the signal and the pass, so that a burst of signals leads to one
   *     pass
   * @param passTimeout a pass that takes longer counts as stuck; it is not interrupted
   * @param pass returns the longest time until the next pass
   */
  public Loop(
      String name,
      Signal signal,
      Duration debounce,
      Duration passTimeout,
      Supplier<Duration> pass) {
    this.name = name;
    this.signal = signal;
    this.debounce = debounce;
    this.passTimeout = passTimeout;
    this.pass = pass;
  }

  public String name() {
    return name;
  }

  /** Starts with a pass. Does nothing if the loop runs already. */
  public synchronized void start() {
    if (worker.filter(w -> !w.stopping).isEmpty()) {
      Worker next = new Worker();
      worker = Optional.of(next);
      next.thread.start();
    }
  }

  /** No further pass starts. {@link #awaitStopped} waits for one in progress. */
  public synchronized void stop() {
    worker.ifPresent(
        w -> {
          w.stopping = true;
          signal.raise();
        });
  }

  /** Waits for the last pass; returns false if it did not finish in time. */
  public boolean awaitStopped(Duration atMost) throws InterruptedException {
    Optional<Worker> current = worker;
    return current.isEmpty() || current.get().thread.join(atMost);
  }

  /** How long a pass has been overdue; empty if none is, or if the loop is stopped. */
  public Optional<Duration> lateBy() {
    return worker
        .filter(w -> !w.stopping)
        .map(w -> Duration.ofNanos(System.nanoTime() - w.deadline))
        .filter(Duration::isPositive);
  }

  /** Time since the last pass finished; empty before the first one, or if the loop is stopped. */
  public Optional<Duration> sinceLastPass() {
    return worker
        .filter(w -> !w.stopping && w.finishedOne)
        .map(w -> Duration.ofNanos(System.nanoTime() - w.lastPass));
  }

  /** The thread between one start and the next stop. */
  private final class Worker {
    private final Thread thread = Thread.ofPlatform().name(name).daemon().unstarted(this::run);
    private volatile boolean stopping;
    private volatile long deadline = System.nanoTime() + passTimeout.toNanos();
    private volatile long lastPass;
    private volatile boolean finishedOne;
    private int failures;

    private void run() {
      try {
        while (!stopping) {
          waitForNext(runPass());
        }
      } catch (InterruptedException e) {
        LOG.atWarn().addKeyValue("loop", name).log("interrupted; the loop ends");
        Thread.currentThread().interrupt();
      } finally {
        // if the loop was started again meanwhile, this thread may have taken a signal of that one
        signal.raise();
      }
    }

    private Duration runPass() {
      setDeadline(Duration.ZERO);
      // the thread of an earlier start may still run its last pass
      onePassAtATime.lock();
      try {
        Duration next = pass.get();
        if (failures > 0) {
          LOG.atInfo()
              .addKeyValue("loop", name)
              .addKeyValue("failures", failures)
              .log("pass succeeded again");
        }
        failures = 0;
        return next;
      } catch (Throwable e) { // an Error in one pass must not end the loop
        failures++;
        logFailure(e);
        return pauseAfterFailure();
      } finally {
        onePassAtATime.unlock();
        lastPass = System.nanoTime();
        finishedOne = true;
      }
    }

    private void waitForNext(Duration pause) throws InterruptedException {
      setDeadline(pause.plus(debounce));
      if (failures > 0) {
        pause(pause);
        return;
      }
      signal.await(pause);
      pause(debounce);
    }

    /** Only a stop ends it early; the next pass handles all other signals. */
    private void pause(Duration pause) throws InterruptedException {
      long end = System.nanoTime() + pause.toNanos();
      for (long left = pause.toNanos(); left > 0 && !stopping; left = end - System.nanoTime()) {
        signal.await(Duration.ofNanos(left));
      }
    }

    private void setDeadline(Duration pause) {
      deadline = System.nanoTime() + pause.plus(passTimeout).toNanos();
    }

    private Duration pauseAfterFailure() {
      Duration pause = FIRST_PAUSE.multipliedBy(1L << Math.min(failures - 1, 10));
      return pause.compareTo(LONGEST_PAUSE) > 0 ? LONGEST_PAUSE : pause;
    }

    private void logFailure(Throwable e) {
      var event = LOG.atWarn().addKeyValue("loop", name).addKeyValue("failures", failures);
      switch (e) {
        // the message names the store; a stack trace would add nothing
        case LedgerUnavailable _, KubeUnavailable _ ->
            event.addKeyValue("error", e.getMessage()).log("pass failed: a store is unavailable");
        default -> event.setCause(e).log("pass failed");
      }
    }
  }
}
