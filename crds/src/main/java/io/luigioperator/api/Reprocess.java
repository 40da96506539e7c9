/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

/** Which business dates a backfill runs. */
public enum Reprocess {
  /** Those without a run that has succeeded or has not ended yet. */
  Missing,
  /** Those whose newest run has failed. */
  Failed,
  /** Every date, also those that have succeeded. */
  All
}
