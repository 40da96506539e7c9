/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

/** Which tasks of the dependency tree a run executes. */
public enum RerunMode {
  /** Tasks that are not complete. */
  Incomplete
}
