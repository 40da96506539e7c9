/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

/** Where a run stands, in one word for people. Programs read the conditions. */
public enum Phase {
  /** Not accepted yet. */
  Pending,
  /** Refused for good; it will never start. */
  Rejected,
  /** Accepted, waiting. */
  Queued,
  /** An attempt is live. */
  Running,
  /** An attempt ended without success; another one follows. */
  Retrying,
  /** Ended with success. */
  Succeeded,
  /** Ended without success. */
  Failed,
  /** Ended because somebody asked for it. */
  Canceled
}
