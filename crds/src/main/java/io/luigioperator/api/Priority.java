/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

/** Order among waiting runs; see the head starts of the operator's configuration. */
public enum Priority {
  /** Starts before all others. */
  Critical,
  /** Starts before Normal, such as a rerun that a person waits for. */
  High,
  /** The default. */
  Normal,
  /** Starts after all others. */
  Low
}
