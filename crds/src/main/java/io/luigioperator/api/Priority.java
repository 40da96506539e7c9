/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

/** How early a waiting run is taken, compared with the others. */
public enum Priority {
  /** Before everything else. */
  Critical,
  /** Before the nightly work. */
  High,
  /** Where neither the run nor its schedule says otherwise. */
  Normal,
  /** When nothing else waits. */
  Low
}
