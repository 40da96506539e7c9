/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

/** The state of an attempt: claimed, bound to the UID of one pod, ended. */
public enum AttemptState {
  CLAIMED,
  BOUND,
  ENDED
}
