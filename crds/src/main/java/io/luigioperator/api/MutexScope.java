/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

/** Which runs exclude each other. */
public enum MutexScope {
  /** Runs with the same namespace, client and mutex group never run at the same time. */
  Client,
  /** Runs do not exclude each other. */
  None
}
