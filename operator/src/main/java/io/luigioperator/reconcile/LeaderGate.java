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
 * Whether this replica leads. Without leadership nothing new is started; what is under way is
 * finished and can be waited for. The gate only keeps two replicas from doing all work twice: their
 * results would be correct all the same. Safe for use by several threads.
 */
public class LeaderGate {
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition idle = lock.newCondition();
  private boolean on;
  private int underWay;

  public void open() {
    lock.lock();
    try {
      on = true;
    } finally {
      lock.unlock();
    }
  }

  public void close() {
    lock.lock();
    try {
      on = false;
    } finally {
      lock.unlock();
    }
  }

  /** Does the work and returns its result; empty, and nothing done, without leadership. */
  public <T> Optional<T> ifLeading(Supplier<T> work) {
    lock.lock();
    try {
      if (!on) {
        return Optional.empty();
      }
      underWay++;
    } finally {
      lock.unlock();
    }
    try {
      return Optional.of(work.get());
    } finally {
      lock.lock();
      try {
        underWay--;
        idle.signalAll();
      } finally {
        lock.unlock();
      }
    }
  }

  /**
   * Waits until nothing is under way.
   *
   * @return how much still was, when the time was up
   */
  public int awaitIdle(Duration atMost) throws InterruptedException {
    lock.lock();
    try {
      long nanos = atMost.toNanos();
      while (underWay > 0 && nanos > 0) {
        nanos = idle.awaitNanos(nanos);
      }
      return underWay;
    } finally {
      lock.unlock();
    }
  }
}
