/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

/** Summary of the state of a run, for people. Programs read the conditions instead. */
public enum Phase {
  /** Not accepted yet. */
  Pending,
  /** Refused permanently; the run never starts. */
  Rejected,
  /** Accepted; waiting for a slot, the mutex, a time or a person. */
  Queued,
  /** An attempt is in progress. */
  Running,
  /** An attempt failed; the next one starts after the backoff. */
  Retrying,
  /** Ended successfully. */
  Succeeded,
  /** Ended without success. */
  Failed,
  /** Ended because a user canceled or deleted it. */
  Canceled
}
