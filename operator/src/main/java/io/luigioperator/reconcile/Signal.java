/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import java.time.Duration;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/** Wakes one waiting thread; any number of calls before it looks count as one. */
public final class Signal {
  private final Semaphore raised = new Semaphore(0);

  public void raise() {
    // two callers may both get here: the permit too many costs one needless round
    if (raised.availablePermits() == 0) {
      raised.release();
    }
  }

  /** Waits until it is raised, or was since the last wait, for so long at most. */
  public void await(Duration atMost) throws InterruptedException {
    if (raised.tryAcquire(Math.max(0, atMost.toNanos()), TimeUnit.NANOSECONDS)) {
      raised.drainPermits();
    }
  }
}
