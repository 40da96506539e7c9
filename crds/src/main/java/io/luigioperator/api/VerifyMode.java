/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

/** What the runner checks after Luigi has ended. */
public enum VerifyMode {
  /** That the root task is complete, in a new process. */
  Root,
  /** Nothing; the result of Luigi counts. */
  None
}
