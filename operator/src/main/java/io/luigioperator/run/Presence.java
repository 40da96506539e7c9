/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

/** Whether the PipelineRun of a run exists, by a live read just before its attempt is finished. */
public enum Presence {
  /** It exists, or nothing proves the contrary. */
  PRESENT,
  /** It does not exist, and it is not decided yet whether a user deleted it: do not retry. */
  MISSING
}
