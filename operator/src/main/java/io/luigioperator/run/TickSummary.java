/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import java.time.Instant;
import java.util.Optional;

/**
 * What the status of a schedule shows of its ticks.
 *
 * @param next the next cron time of a client that is not suspended
 * @param last the newest cron time that fired a business date
 * @param suspended clients that are suspended
 * @param invalid clients whose cron times are not decided because of a problem
 * @param problem the first one of them, by client
 */
public record TickSummary(
    Optional<Instant> next,
    Optional<Instant> last,
    int suspended,
    int invalid,
    Optional<Problem> problem) {

  /**
   * Why no cron time is decided.
   *
   * @param reason of the condition Ready
   * @param message for people, with what to do
   */
  public record Problem(String reason, String message) {}

  /** Of a schedule whose cron times have not been looked at yet, or that has none. */
  public static final TickSummary EMPTY =
      new TickSummary(Optional.empty(), Optional.empty(), 0, 0, Optional.empty());
}
