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
 * Whether this replica is the one that works. Off leaderGate nothing new is begun; what is under
 * way is finished and can be waited for. It only keeps two replicas from doing everything twice:
 * correct they would be all the same.
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

  /** Does the work and gives its answer; empty, and nothing done, when off leaderGate. */
  <T> Optional<T> ifLeading(Supplier<T> work) {
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
