/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

/** Which business dates run after a time in which the operator did not run. */
public enum CatchUpPolicy {
  /** None of the missed dates. */
  None,
  /** The latest missed date. */
  Latest,
  /** The latest missed dates, as many as the limits allow. */
  All
}
