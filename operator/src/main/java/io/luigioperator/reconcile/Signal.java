/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import java.time.Duration;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/** Wakes one waiting thread. Calls before it wakes up count as one. Thread-safe. */
public final class Signal {
  private final Semaphore raised = new Semaphore(0);

  public void raise() {
    // two callers may both release: an extra permit costs one needless pass
    if (raised.availablePermits() == 0) {
      raised.release();
    }
  }

  /**
   * Waits until the signal is raised, for {@code atMost}. Returns at once if it was raised since
   * the last wait.
   *
   * @return whether it was raised
   */
  public boolean await(Duration atMost) throws InterruptedException {
    boolean wasRaised = raised.tryAcquire(Math.max(0, atMost.toNanos()), TimeUnit.NANOSECONDS);
    if (wasRaised) {
      raised.drainPermits();
    }
    return wasRaised;
  }
}
