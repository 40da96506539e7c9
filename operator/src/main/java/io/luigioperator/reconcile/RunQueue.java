/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.luigioperator.run.RunKey;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.PriorityQueue;
import java.util.SequencedSet;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The work queue of the runs, with a fixed number of threads. A run is reconciled by one of them at
 * a time. Any number of calls of {@link #wake} before that count as one; a call while the run is
 * being reconciled leads to one more reconciliation.
 *
 * <p>The queue has three lanes with strict priority. Some threads serve only runs with a live
 * attempt, so that a thousand new objects do not delay a pod that waits for its gate to be opened.
 * The status of waiting runs comes last and at a bounded rate.
 *
 * <p>A run is in the queue at most once, so it has at most one entry for each PipelineRun and each
 * live attempt of this cluster. Thread-safe.
 */
public final class RunQueue {

  /** Priority classes of the queue; an earlier one is served first. */
  public enum Lane {
    /** A run with a live attempt. */
    LIVE,
    /** A PipelineRun that was created or changed. */
    CHANGED,
    /** A READY run whose status may be outdated. */
    WAITING
  }

  private static final Logger LOG = LoggerFactory.getLogger(RunQueue.class);
  private static final int THREADS = 8;

  /**
   * The most threads that serve another lane than LIVE. New runs come in batches, and their
   * statements and status writes compete for the CPU with the start of other runs.
   */
  private static final int THREADS_OF_OTHER_LANES = 2;

  /** The most new or changed runs that are reconciled together. */
  private static final int BATCH = 20;

  /** Pause between two runs of the lane WAITING, which limits them to 20 per second. */
  private static final Duration WAITING_INTERVAL = Duration.ofMillis(50);

  private static final Duration AFTER_FAILURE = Duration.ofSeconds(5);

  /** When to reconcile a run again unless it is woken before, and in which lane. */
  public record Requeue(Duration after, Lane lane) {}

  /** Reconciles runs. */
  @FunctionalInterface
  public interface Work {
    /**
     * @param runs one run, or several of the lane CHANGED
     * @return when to reconcile each run again; a run that is missing waits until it is woken
     */
    Map<RunKey, Requeue> reconcile(Lane lane, List<RunKey> runs);
  }

  private record Timer(RunKey run, Lane lane, long at) {}

  private final Work work;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private final Map<Lane, SequencedSet<RunKey>> lanes = new EnumMap<>(Lane.class);

  /** The runs that are being reconciled, and the lane if one was woken meanwhile. */
  private final Map<RunKey, Optional<Lane>> busy = new HashMap<>();

  private final Map<RunKey, Timer> timers = new HashMap<>();
  private final PriorityQueue<Timer> byTime =
      new PriorityQueue<>(Comparator.comparingLong(Timer::at));
  private final List<Thread> threads = new ArrayList<>();
  private int busyWithOtherLanes;
  private long nextWaiting;
  private boolean stopped;

  public RunQueue(Work work) {
    this.work = work;
    for (Lane lane : Lane.values()) {
      lanes.put(lane, new LinkedHashSet<>());
    }
  }

  public void start() {
    nextWaiting = System.nanoTime();
    for (int i = 0; i < THREADS; i++) {
      threads.add(Thread.ofPlatform().name("runs-" + i).daemon().start(this::serve));
    }
  }

  /** Has the run reconciled soon. If it is queued in a lower lane, it moves to this one. */
  public void wake(RunKey run, Lane lane) {
    lock.lock();
    try {
      if (busy.containsKey(run)) {
        busy.merge(run, Optional.of(lane), RunQueue::moreUrgent);
      } else {
        enqueue(run, lane);
      }
    } finally {
      lock.unlock();
    }
  }

  private static Optional<Lane> moreUrgent(Optional<Lane> a, Optional<Lane> b) {
    return a.isPresent() && a.get().compareTo(b.orElseThrow()) <= 0 ? a : b;
  }

  private void enqueue(RunKey run, Lane lane) {
    for (Lane other : Lane.values()) {
      if (other.compareTo(lane) <= 0 && queued(other).contains(run)) {
        return;
      }
      queued(other).remove(run);
    }
    removeTimer(run);
    queued(lane).add(run);
    changed.signal();
  }

  private SequencedSet<RunKey> queued(Lane lane) {
    return Objects.requireNonNull(lanes.get(lane));
  }

  private void removeTimer(RunKey run) {
    Timer planned = timers.remove(run);
    if (planned != null) {
      byTime.remove(planned);
    }
  }

  /** No further reconciliation starts; those in progress finish. */
  public void stop() {
    lock.lock();
    try {
      stopped = true;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Runs that one thread reconciles together. */
  private record Batch(Lane lane, List<RunKey> runs) {}

  private void serve() {
    try {
      for (Optional<Batch> b = take(); b.isPresent(); b = take()) {
        done(b.get(), reconciled(b.get()));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private Map<RunKey, Requeue> reconciled(Batch batch) {
    try {
      return work.reconcile(batch.lane(), batch.runs());
    } catch (Throwable e) { // an Error in one run must not end the thread
      LOG.atError().addKeyValue("runs", batch.runs()).setCause(e).log("reconciliation failed");
      Map<RunKey, Requeue> retries = new HashMap<>();
      batch.runs().forEach(run -> retries.put(run, new Requeue(AFTER_FAILURE, batch.lane())));
      return retries;
    }
  }

  /** Waits for the next batch; empty once the queue is stopped. */
  private Optional<Batch> take() throws InterruptedException {
    lock.lock();
    try {
      while (!stopped) {
        long now = System.nanoTime();
        expireTimers(now);
        Optional<Batch> next = next(now);
        if (next.isPresent()) {
          next.get().runs().forEach(run -> busy.put(run, Optional.empty()));
          busyWithOtherLanes += next.get().lane() == Lane.LIVE ? 0 : 1;
          return next;
        }
        changed.await(untilNext(now), TimeUnit.NANOSECONDS);
      }
      return Optional.empty();
    } finally {
      lock.unlock();
    }
  }

  private void expireTimers(long now) {
    while (!byTime.isEmpty() && byTime.peek().at() - now <= 0) {
      Timer due = byTime.poll();
      timers.remove(due.run());
      enqueue(due.run(), due.lane());
    }
  }

  private Optional<Batch> next(long now) {
    Optional<Batch> live = poll(Lane.LIVE, 1);
    if (live.isPresent() || busyWithOtherLanes >= THREADS_OF_OTHER_LANES) {
      return live;
    }
    Optional<Batch> changedRuns = poll(Lane.CHANGED, BATCH);
    if (changedRuns.isPresent() || nextWaiting - now > 0) {
      return changedRuns;
    }
    Optional<Batch> waiting = poll(Lane.WAITING, 1);
    if (waiting.isPresent()) {
      nextWaiting = now + WAITING_INTERVAL.toNanos();
    }
    return waiting;
  }

  private Optional<Batch> poll(Lane lane, int most) {
    SequencedSet<RunKey> queued = queued(lane);
    if (queued.isEmpty()) {
      return Optional.empty();
    }
    List<RunKey> runs = new ArrayList<>();
    while (runs.size() < most && !queued.isEmpty()) {
      runs.add(queued.removeFirst());
    }
    return Optional.of(new Batch(lane, runs));
  }

  private long untilNext(long now) {
    long timer = byTime.isEmpty() ? TimeUnit.MINUTES.toNanos(1) : byTime.peek().at() - now;
    boolean delayed =
        !queued(Lane.WAITING).isEmpty() && busyWithOtherLanes < THREADS_OF_OTHER_LANES;
    return Math.max(1, delayed ? Math.min(timer, nextWaiting - now) : timer);
  }

  private void done(Batch batch, Map<RunKey, Requeue> requeues) {
    lock.lock();
    try {
      busyWithOtherLanes -= batch.lane() == Lane.LIVE ? 0 : 1;
      for (RunKey run : batch.runs()) {
        Optional<Lane> woken = Objects.requireNonNullElse(busy.remove(run), Optional.empty());
        Requeue requeue = requeues.get(run);
        if (woken.isPresent()) {
          enqueue(run, woken.get());
        } else if (requeue != null) {
          setTimer(run, requeue);
        }
      }
      changed.signal(); // another thread may now serve a lower lane
    } finally {
      lock.unlock();
    }
  }

  private void setTimer(RunKey run, Requeue requeue) {
    Timer timer =
        new Timer(run, requeue.lane(), System.nanoTime() + Math.max(0, requeue.after().toNanos()));
    timers.put(run, timer);
    byTime.add(timer);
  }
}
