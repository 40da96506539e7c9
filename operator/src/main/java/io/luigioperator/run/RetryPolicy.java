/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import io.luigioperator.api.RetrySpec;
import java.time.Duration;

/**
 * When to try again: {@code backoff} doubled with each failure up to {@code maxBackoff}. The
 * budgets stand in the run's row, because they can be amended.
 */
public record RetryPolicy(Duration backoff, Duration maxBackoff) {

  public static RetryPolicy of(RetrySpec spec) {
    return new RetryPolicy(
        Duration.ofSeconds(spec.backoffSeconds()), Duration.ofSeconds(spec.maxBackoffSeconds()));
  }

  /**
   * How long to wait after the {@code failures}-th failure in a row of its kind (from 1).
   * Deterministic; no jitter, because each run has its own history and admission bounds the rush.
   */
  public Duration delayAfter(int failures) {
    int doublings = Math.clamp(failures - 1L, 0, 30);
    Duration delay = backoff.multipliedBy(1L << doublings);
    return delay.compareTo(maxBackoff) > 0 ? maxBackoff : delay;
  }
}
