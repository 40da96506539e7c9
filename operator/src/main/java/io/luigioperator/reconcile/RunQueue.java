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
 * The work queue of the runs: which run to reconcile next, on a fixed number of threads. A run is
 * reconciled by one thread at a time, and any number of wakes before that count as one. A wake that
 * comes while the run is being reconciled has it reconciled once more.
 *
 * <p>Runs with a live attempt go before all others, and some threads serve only them, so that a
 * thousand new objects do not delay the pod that waits for its gate. The status of waiting runs
 * comes last and at a bounded rate.
 *
 * <p>A run is here once at most: as many entries as this cluster has PipelineRuns and live
 * attempts.
 */
public final class RunQueue {

  /** In the order in which they are served. */
  public enum Lane {
    /** A live attempt: its Job, its pod, its end. */
    LIVE,
    /** A PipelineRun that was created or changed. */
    CHANGED,
    /** A waiting run whose status is to be refreshed. */
    WAITING
  }

  private static final Logger LOG = LoggerFactory.getLogger(RunQueue.class);
  private static final int THREADS = 8;

  /**
   * How many threads at most work for another lane than LIVE: new runs come in batches, and their
   * statements and status writes compete with the starts of others for the CPU.
   */
  private static final int THREADS_OF_OTHER_LANES = 2;

  /** At most so many new or changed runs are handed over together. */
  private static final int BATCH = 20;

  /** Between two runs of the WAITING lane: at most 20 a second, however many wait. */
  private static final Duration WAITING_INTERVAL = Duration.ofMillis(50);

  private static final Duration AFTER_FAILURE = Duration.ofSeconds(5);

  /** When to reconcile a run again if no wake comes before, and in which lane. */
  public record Requeue(Duration after, Lane lane) {}

  /** Reconciles runs. */
  @FunctionalInterface
  public interface Work {
    /**
     * @param runs one, or several of the lane CHANGED
     * @return for each run when to reconcile it again; one that is missing waits for a wake
     */
    Map<RunKey, Requeue> reconcile(Lane lane, List<RunKey> runs);
  }

  private record Timer(RunKey run, Lane lane, long at) {}

  private final Work work;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private final Map<Lane, SequencedSet<RunKey>> lanes = new EnumMap<>(Lane.class);

  /** Runs under way, and the lane of a wake that came meanwhile. */
  private final Map<RunKey, Optional<Lane>> busy = new HashMap<>();

  private final Map<RunKey, Timer> timers = new HashMap<>();
  private final PriorityQueue<Timer> byTime =
      new PriorityQueue<>(Comparator.comparingLong(Timer::at));
  private final List<Thread> threads = new ArrayList<>();
  private int otherLanes;
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

  /** Reconciles the run soon; a wake in a more urgent lane moves it there. */
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
    drop(run);
    queued(lane).add(run);
    changed.signal();
  }

  private SequencedSet<RunKey> queued(Lane lane) {
    return Objects.requireNonNull(lanes.get(lane));
  }

  private void drop(RunKey run) {
    Timer planned = timers.remove(run);
    if (planned != null) {
      byTime.remove(planned);
    }
  }

  /** Takes nothing more; what is under way is finished. */
  public void stop() {
    lock.lock();
    try {
      stopped = true;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** What one thread does at a time. */
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
    } catch (Throwable e) { // an Error in one run must not end the thread that others need
      LOG.atError().addKeyValue("runs", batch.runs()).setCause(e).log("reconciliation failed");
      Map<RunKey, Requeue> later = new HashMap<>();
      batch.runs().forEach(run -> later.put(run, new Requeue(AFTER_FAILURE, batch.lane())));
      return later;
    }
  }

  /** Empty: stopped. */
  private Optional<Batch> take() throws InterruptedException {
    lock.lock();
    try {
      while (!stopped) {
        long now = System.nanoTime();
        expireTimers(now);
        Optional<Batch> next = next(now);
        if (next.isPresent()) {
          next.get().runs().forEach(run -> busy.put(run, Optional.empty()));
          otherLanes += next.get().lane() == Lane.LIVE ? 0 : 1;
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
    if (live.isPresent() || otherLanes >= THREADS_OF_OTHER_LANES) {
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
    boolean held = !queued(Lane.WAITING).isEmpty() && otherLanes < THREADS_OF_OTHER_LANES;
    return Math.max(1, held ? Math.min(timer, nextWaiting - now) : timer);
  }

  private void done(Batch batch, Map<RunKey, Requeue> again) {
    lock.lock();
    try {
      otherLanes -= batch.lane() == Lane.LIVE ? 0 : 1;
      for (RunKey run : batch.runs()) {
        Optional<Lane> woken = Objects.requireNonNullElse(busy.remove(run), Optional.empty());
        Requeue requeue = again.get(run);
        if (woken.isPresent()) {
          enqueue(run, woken.get());
        } else if (requeue != null) {
          plan(run, requeue);
        }
      }
      changed.signal(); // a thread that could not serve another lane may now
    } finally {
      lock.unlock();
    }
  }

  private void plan(RunKey run, Requeue requeue) {
    Timer timer =
        new Timer(run, requeue.lane(), System.nanoTime() + Math.max(0, requeue.after().toNanos()));
    timers.put(run, timer);
    byTime.add(timer);
  }
}
