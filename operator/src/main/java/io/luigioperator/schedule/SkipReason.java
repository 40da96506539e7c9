/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.schedule;

/** Why a tick starts no run. The names are stored in the database and are documented. */
public enum SkipReason {
  /** Another tick has started the run of this business date. */
  DuplicateDate,
  /** The schedule or the client was suspended. */
  Suspended,
  /** The tick was missed and the catch-up policy is None. */
  MissedNoCatchUp,
  /** The tick was missed, the catch-up policy is Latest, and a later date was missed too. */
  MissedNotLatest,
  /** The tick was missed, and as many later dates as the catch-up allows were missed too. */
  CatchUpLimit,
  /** The tick was missed and is older than the window of the catch-up. */
  CatchUpWindow,
  /** The local time does not exist on this date, and the policy is Strict. */
  DaylightSavingGap
}
