/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

/** What happens to a cron time that daylight saving time skips or repeats. */
public enum DstPolicy {
  /**
   * A skipped time starts its run at the end of the gap, a repeated time at its first occurrence.
   * Crons with * as the hour run at every matching time of the clock, also when it is repeated.
   */
  RunOnce,
  /** A skipped time starts no run, a repeated time starts one at its first occurrence. */
  Strict
}
