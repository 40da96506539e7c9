/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import java.time.Instant;
import java.util.Optional;

/**
 * Changes of the runs of a schedule with maxConcurrentRuns. A run begins to count against the limit
 * only by {@link #release}; until then it is HELD with the reason ScheduleLimit. See {@link
 * Run#countsAgainstLimit}.
 */
public final class LimitTransitions {

  private LimitTransitions() {}

  /** What is accepted instead of this first row of a run. */
  public static Run accepted(Run run) {
    return run.state() == RunState.READY ? held(run) : run;
  }

  /**
   * The result of another transition under the limit. A run that counted before, such as a retry,
   * goes on.
   */
  public static Run changed(Run before, Run after) {
    return before.countsAgainstLimit() ? after : accepted(after);
  }

  /** Releases a run that waits for the limit; it keeps its place in the order of admission. */
  public static Optional<Run> release(Run run, Instant now) {
    return run.waitsForLimit()
        ? Optional.of(WaitingTransitions.waiting(run, now))
        : Optional.empty();
  }

  /** Holds a READY run, because the limit was lowered. */
  public static Optional<Run> hold(Run run) {
    return run.state() == RunState.READY ? Optional.of(held(run)) : Optional.empty();
  }

  private static Run held(Run run) {
    return run.with(RunState.HELD, Reasons.SCHEDULE_LIMIT, "");
  }
}
