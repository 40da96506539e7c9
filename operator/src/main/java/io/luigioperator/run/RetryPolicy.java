/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import io.luigioperator.api.RetrySpec;
import java.time.Duration;

/**
 * When to retry: after {@code backoff}, which doubles with each failure up to {@code maxBackoff}.
 * The budgets are in the run's row, because they can be amended.
 */
public record RetryPolicy(Duration backoff, Duration maxBackoff) {

  public static RetryPolicy of(RetrySpec spec) {
    return new RetryPolicy(
        Duration.ofSeconds(spec.backoffSeconds()), Duration.ofSeconds(spec.maxBackoffSeconds()));
  }

  /**
   * How long to wait after the {@code failures}-th failure of its kind, counted from 1. There is no
   * jitter: the slots bound how many attempts start at once.
   */
  public Duration delayAfter(int failures) {
    int doublings = Math.clamp(failures - 1L, 0, 30);
    Duration delay = backoff.multipliedBy(1L << doublings);
    return delay.compareTo(maxBackoff) > 0 ? maxBackoff : delay;
  }
}
