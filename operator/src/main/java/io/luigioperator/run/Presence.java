/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

/** What a live read said about the PipelineRun of a run, just before its attempt was settled. */
public enum Presence {
  /** It is there, or nothing contradicts it. */
  PRESENT,
  /** It is gone, and nobody has yet concluded that a user deleted it: do not retry unasked. */
  MISSING
}
