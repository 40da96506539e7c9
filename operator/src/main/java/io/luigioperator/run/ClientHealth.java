/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/**
 * How a client of a schedule is doing, by its newest business dates. A date has succeeded if any of
 * its runs has succeeded, else it has failed if any has failed, else it is open if any has not
 * ended. A date whose runs are all CANCELED counts as if it had none.
 *
 * @param datesBehind business dates after the newest one that has succeeded, at most {@link
 *     #MAX_DATES}
 * @param lastEnded a run of the newest date that has ended: the one that ended last, of those that
 *     gave the date its state
 * @param pending whether a run of these dates has not ended, so that the health can change without
 *     a new run
 */
public record ClientHealth(
    State state, int datesBehind, Optional<DatedRun> lastEnded, boolean pending) {

  /** The health of a client. */
  public enum State {
    OK,
    /** At least two dates are behind, and the newest date that has ended has not failed. */
    LAGGING,
    /** The newest date that has ended has failed. */
    FAILING
  }

  /** How many business dates are looked at. */
  public static final int MAX_DATES = 100;

  private static final int LAGGING_FROM = 2;

  /** What the runs of a date say about it, the first one that applies. */
  private enum DateState {
    SUCCEEDED,
    FAILED,
    OPEN,
    CANCELED;

    static DateState of(RunState run) {
      return switch (run) {
        case SUCCEEDED -> SUCCEEDED;
        case FAILED -> FAILED;
        case READY, DELAYED, HELD, ACTIVE -> OPEN;
        case CANCELED -> CANCELED;
      };
    }
  }

  /** A business date by its runs. */
  private record Date(DateState state, List<DatedRun> runs) {

    static Date of(List<DatedRun> runs) {
      return new Date(
          runs.stream()
              .map(run -> DateState.of(run.state()))
              .min(Comparator.naturalOrder())
              .orElse(DateState.CANCELED),
          runs);
    }

    boolean hasEnded() {
      return state == DateState.SUCCEEDED || state == DateState.FAILED;
    }

    boolean isPending() {
      return state != DateState.SUCCEEDED && runs.stream().anyMatch(run -> !run.state().isFinal());
    }

    Optional<DatedRun> lastEnded() {
      return runs.stream()
          .filter(run -> DateState.of(run.state()) == state)
          .max(
              Comparator.comparing((DatedRun run) -> run.finishedAt().orElse(Instant.MIN))
                  .thenComparing(DatedRun::key));
    }
  }

  /**
   * Whether more runs of the client would not change its health: none is missing, or none that is
   * newer than a date that has succeeded.
   *
   * @param newestFirst its newest runs, those of one date together
   * @param limit how many were asked for
   */
  public static boolean isConclusive(List<DatedRun> newestFirst, int limit) {
    return newestFirst.size() < limit
        || newestFirst.stream().anyMatch(run -> run.state() == RunState.SUCCEEDED);
  }

  /**
   * @param newestFirst the newest runs of the client, those of one date together; at most the
   *     newest {@link #MAX_DATES} dates are looked at
   */
  public static ClientHealth of(List<DatedRun> newestFirst) {
    List<Date> dates =
        byDate(newestFirst).stream().filter(d -> d.state() != DateState.CANCELED).toList();
    List<Date> behind =
        dates.stream()
            .limit(MAX_DATES)
            .takeWhile(date -> date.state() != DateState.SUCCEEDED)
            .toList();
    Optional<Date> ended = dates.stream().limit(MAX_DATES).filter(Date::hasEnded).findFirst();
    return new ClientHealth(
        state(ended, behind.size()),
        behind.size(),
        ended.flatMap(Date::lastEnded),
        behind.stream().anyMatch(Date::isPending));
  }

  private static State state(Optional<Date> ended, int datesBehind) {
    if (ended.filter(date -> date.state() == DateState.FAILED).isPresent()) {
      return State.FAILING;
    }
    return datesBehind >= LAGGING_FROM ? State.LAGGING : State.OK;
  }

  private static List<Date> byDate(List<DatedRun> newestFirst) {
    List<Date> dates = new ArrayList<>();
    int begin = 0;
    for (int i = 1; i <= newestFirst.size(); i++) {
      if (i == newestFirst.size()
          || !newestFirst.get(i).businessDate().equals(newestFirst.get(begin).businessDate())) {
        dates.add(Date.of(newestFirst.subList(begin, i)));
        begin = i;
      }
    }
    return dates;
  }
}
