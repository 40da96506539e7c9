/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;

/**
 * Lets work start only while this replica is the leader. Work in progress finishes after the
 * leadership was lost, and can be waited for. The gate only avoids that two replicas do the same
 * work; if they did, the result would still be correct. It has nothing to do with the scheduling
 * gate of a pod. Thread-safe.
 */
public class LeaderGate {
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition idle = lock.newCondition();
  private boolean leading;
  private int inProgress;

  public void open() {
    lock.lock();
    try {
      leading = true;
    } finally {
      lock.unlock();
    }
  }

  public void close() {
    lock.lock();
    try {
      leading = false;
    } finally {
      lock.unlock();
    }
  }

  /** Runs the work and returns its result; empty, without running it, if this is not the leader. */
  public <T> Optional<T> ifLeading(Supplier<T> work) {
    lock.lock();
    try {
      if (!leading) {
        return Optional.empty();
      }
      inProgress++;
    } finally {
      lock.unlock();
    }
    try {
      return Optional.of(work.get());
    } finally {
      lock.lock();
      try {
        inProgress--;
        idle.signalAll();
      } finally {
        lock.unlock();
      }
    }
  }

  /**
   * Waits until no work is in progress.
   *
   * @return how many pieces of work were still in progress at the timeout; 0 if none
   */
  public int awaitIdle(Duration atMost) throws InterruptedException {
    lock.lock();
    try {
      long nanos = atMost.toNanos();
      while (inProgress > 0 && nanos > 0) {
        nanos = idle.awaitNanos(nanos);
      }
      return inProgress;
    } finally {
      lock.unlock();
    }
  }
}
