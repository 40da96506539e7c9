/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

/** Where a run stands in the ledger. The last three are final. */
public enum RunState {
  /** May be claimed by any cluster as soon as its key is free and there is room. */
  READY,
  /** Becomes READY when its time comes. */
  DELAYED,
  /** Waits for a person or for a fact, never for time. */
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

  public boolean isTerminal() {
    return this == SUCCEEDED || this == FAILED || this == CANCELED;
  }
}
