/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.luigioperator.run.Run;
import io.luigioperator.run.RunState;

/** Starts passes of the leader's loops after a change of a run. No method blocks. */
public interface Wakeups {

  /** A slot or a key may be free, or a run has become READY. */
  void wakeAdmission();

  /** A run has become DELAYED, and may be the next one that becomes due. */
  void wakeTimer();

  /**
   * Wakes the loops after a change that made no key or slot free.
   *
   * @param run after the change
   */
  default void changed(Run run) {
    if (run.state() == RunState.READY) {
      wakeAdmission();
    } else if (run.state() == RunState.DELAYED) {
      wakeTimer();
    }
  }

  /**
   * Wakes the loops after the end of an attempt, which made its key and its slot free.
   *
   * @param run after the change
   */
  default void ended(Run run) {
    wakeAdmission();
    if (run.state() == RunState.DELAYED) {
      wakeTimer();
    }
  }
}
