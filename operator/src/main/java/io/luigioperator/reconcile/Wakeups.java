/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.luigioperator.run.Run;
import io.luigioperator.run.RunState;

/** What a change of a run makes the leader's loops do soon. Both methods return at once. */
public interface Wakeups {

  /** A key or a slot may have come free, or a run become READY. */
  void wakeAdmission();

  /** A run was delayed: it may be the next one that becomes due. */
  void wakeTimer();

  /** A run is now so, and no key or slot came free. */
  default void changed(Run run) {
    if (run.state() == RunState.READY) {
      wakeAdmission();
    } else if (run.state() == RunState.DELAYED) {
      wakeTimer();
    }
  }

  /** An attempt has ended, and with it a key and a slot came free. */
  default void ended(Run run) {
    wakeAdmission();
    if (run.state() == RunState.DELAYED) {
      wakeTimer();
    }
  }
}
