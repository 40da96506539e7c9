/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

/** Which tasks of the tree are run. */
public enum RerunMode {
  /** Run what is not complete. */
  Incomplete
}
