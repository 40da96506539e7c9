/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import io.luigioperator.api.Reprocess;
import io.luigioperator.run.NewRun;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.ScheduleKey;
import io.luigioperator.schedule.BackfillCursor.Position;
import java.util.List;
import java.util.Optional;

/**
 * The backfills of schedules. A backfill is one row that says how far it is; its position moves
 * forward in the same transaction as the runs up to it, so that each date is processed once, also
 * by several operators.
 */
public interface BackfillLedger {

  /** Dates in one step. */
  int MAX_DATES = 50;

  /** The backfills of a schedule that have not ended, and those with one of these names. */
  List<Backfill> loadBackfills(ScheduleKey schedule, List<String> names);

  /**
   * Adds a backfill, unless the schedule has one of this name. The schedule must have a row.
   *
   * @param definition JSON of the fields that cannot be changed
   * @return the one that exists afterwards
   */
  Backfill beginBackfill(ScheduleKey schedule, String name, String definition);

  /** Counts the runs that have ended, and processes some dates. */
  Answer advanceBackfill(ScheduleKey schedule, String cluster, Step step);

  /**
   * Changes the state of a backfill.
   *
   * @return empty if it has another state than {@code from}
   */
  Optional<Backfill> moveBackfill(ScheduleKey schedule, String name, State from, State to);

  /** Its runs that had not ended when they were last counted. */
  List<RunKey> openRunsOfBackfill(ScheduleKey schedule, String name);

  /** The state of a backfill. */
  enum State {
    RUNNING,
    /** It was removed; its waiting runs are being canceled. */
    CANCELING,
    CANCELED,
    COMPLETED;

    boolean isFinal() {
      return this == CANCELED || this == COMPLETED;
    }
  }

  /**
   * A backfill.
   *
   * @param definition JSON of the fields that cannot be changed
   * @param position what was processed last; empty at the begin
   * @param skipped dates that did not run
   * @param active runs that have not ended
   * @param succeeded runs that have succeeded
   * @param failed runs that have failed or were canceled
   */
  record Backfill(
      String name,
      String definition,
      State state,
      Optional<Position> position,
      long skipped,
      long active,
      long succeeded,
      long failed) {

    public long processed() {
      return skipped + active + succeeded + failed;
    }
  }

  /**
   * Moves the position over some dates.
   *
   * @param from position on which the step is based
   * @param to the same if there are no dates
   * @param skipped dates in between that do not run, whatever the ledger knows of them
   * @param dates at most {@link #MAX_DATES}; the ledger decides which of them run
   */
  record Step(
      String name,
      Optional<Position> from,
      Optional<Position> to,
      Reprocess reprocess,
      long skipped,
      List<DateRuns> dates) {

    /** Only counts the runs that have ended. */
    public static Step count(Backfill backfill) {
      return new Step(
          backfill.name(),
          backfill.position(),
          backfill.position(),
          Reprocess.Missing,
          0,
          List.of());
    }
  }

  /**
   * The runs that a date can get.
   *
   * @param first if the date has not fired
   * @param again if it has, or if the name of the first one belongs to another run
   */
  record DateRuns(Position position, NewRun first, NewRun again) {}

  /** The answer to a step. */
  sealed interface Answer {
    /**
     * The step is written.
     *
     * @param begun runs that began with it
     */
    record Advanced(Backfill backfill, int begun) implements Answer {}

    /** Nothing is written: the backfill is at another position, or has ended. */
    record Stale() implements Answer {}

    /** Nothing is written: another cluster owns the schedule. */
    record NotOwner() implements Answer {}

    /** Nothing is written: the database refuses the rows permanently. */
    record Refused(String message) implements Answer {}
  }
}
