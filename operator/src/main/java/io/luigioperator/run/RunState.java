/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

/** The state of a run. The last three are final. */
public enum RunState {
  /** May be claimed by any cluster that has a free slot, as soon as its key is free. */
  READY,
  /** Becomes READY at a known time. */
  DELAYED,
  /** Waits for a person, for a change of the cluster or for other runs, never for a time. */
  HELD,
  /** Has exactly one live attempt. */
  ACTIVE,
  SUCCEEDED,
  FAILED,
  CANCELED;

  /** Whether a run in this state has no live attempt and has not ended. */
  public boolean isWaiting() {
    return switch (this) {
      case READY, DELAYED, HELD -> true;
      case ACTIVE, SUCCEEDED, FAILED, CANCELED -> false;
    };
  }

  /** Whether a run in this state has ended; its state never changes again. */
  public boolean isFinal() {
    return this == SUCCEEDED || this == FAILED || this == CANCELED;
  }
}
