/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.sim;

/** An error planted on purpose, that an invariant must catch. */
enum Mutant {
  NONE,

  // in what the product stands on
  /** A door that takes a terminating pod for an ended one. */
  ENDS_EARLY,
  /** A door that opens a gate by the pod's attempt instead of its UID. */
  OPENS_BY_NAME,
  /** A ledger that binds without comparing the state. */
  BINDS_BLINDLY,

  // in the product itself, as far as it can be set up wrongly
  /** A pod on a silent node counts as ended at once. */
  HOLDS_NOTHING,
  /** More slots than there are. */
  OVERBOOKS,
  /** Nobody hears that there may be room. */
  DEAF_TO_ROOM
}
