/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

/** What the user wants to happen with a run. */
public enum DesiredState {
  /** Run it as soon as its turn comes. */
  Running,
  /** Keep it waiting until somebody sets Running. */
  Held,
  /** Stop it; this is final. */
  Canceled
}
