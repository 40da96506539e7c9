/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

/** State that the user requests for a run. */
public enum DesiredState {
  /** Start as soon as a slot and the mutex are free. */
  Running,
  /** Start no attempt until the value is Running again. */
  Held,
  /** Stop the run permanently. */
  Canceled
}
