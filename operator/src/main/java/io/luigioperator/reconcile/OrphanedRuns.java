/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.luigioperator.run.RunKey;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Drives the runs that have no PipelineRun in this cluster (any more): the java-operator-sdk drops
 * events about those, and yet such a run may have an attempt to end and a mutex to free. What does
 * not fit in is left to the sweep.
 */
final class OrphanedRuns {
  private static final Logger LOG = LoggerFactory.getLogger(OrphanedRuns.class);
  private static final int MOST = 10_000;
  private static final Duration AFTER_FAILURE = Duration.ofSeconds(5);

  private final Function<RunKey, Optional<Duration>> drive;
  private final LeaderGate leaderGate;
  private final Map<RunKey, ScheduledFuture<?>> waiting = new HashMap<>();
  private final ScheduledThreadPoolExecutor thread =
      new ScheduledThreadPoolExecutor(
          1, Thread.ofPlatform().name("orphanedRuns").daemon().factory());

  OrphanedRuns(Function<RunKey, Optional<Duration>> drive, LeaderGate leaderGate) {
    this.drive = drive;
    this.leaderGate = leaderGate;
    thread.setRemoveOnCancelPolicy(true);
    thread.setExecuteExistingDelayedTasksAfterShutdownPolicy(false);
  }

  /** Looks at it as soon as those before it are done. */
  void wake(RunKey run) {
    wake(run, Duration.ZERO);
  }

  private synchronized void wake(RunKey run, Duration delay) {
    ScheduledFuture<?> planned = waiting.get(run);
    boolean soonEnough =
        planned != null && planned.getDelay(TimeUnit.NANOSECONDS) <= delay.toNanos();
    if (soonEnough || thread.isShutdown() || planned == null && waiting.size() >= MOST) {
      return;
    }
    if (planned != null) {
      planned.cancel(false);
    }
    waiting.put(run, thread.schedule(() -> look(run), delay.toNanos(), TimeUnit.NANOSECONDS));
  }

  private void look(RunKey run) {
    synchronized (this) {
      waiting.remove(run);
    }
    try {
      leaderGate
          .ifLeading(() -> drive.apply(run))
          .flatMap(again -> again)
          .ifPresent(again -> wake(run, again));
    } catch (RuntimeException e) {
      LOG.atWarn().addKeyValue("run", run).setCause(e).log("a drive failed");
      wake(run, AFTER_FAILURE);
    }
  }

  /** Begins nothing more. */
  void close() {
    thread.shutdown();
  }
}
