/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.schedule;

import io.luigioperator.api.Reprocess;
import io.luigioperator.run.RunState;
import java.util.List;

/** Decides whether a backfill runs a business date of a client. */
public final class BackfillDecider {

  /** What happens to the date. */
  public enum Choice {
    /** It gets its first run, the one that a cron would create. */
    RUN,
    /** It gets another run, whose name contains that of the backfill. */
    RUN_AGAIN,
    SKIP
  }

  /**
   * What the ledger knows of the date.
   *
   * @param isFired whether a cron or a backfill has created the run of the date
   * @param runs the states of all runs of the date that refer to the schedule, those of users
   *     included, newest first
   */
  public record History(boolean isFired, List<RunState> runs) {
    public History {
      runs = List.copyOf(runs);
    }
  }

  private BackfillDecider() {}

  public static Choice decide(Reprocess reprocess, History history) {
    List<RunState> runs = history.runs();
    boolean isActive = runs.stream().anyMatch(state -> !state.isFinal());
    boolean isWanted =
        switch (reprocess) {
          case Missing -> !isActive && !runs.contains(RunState.SUCCEEDED);
          case Failed -> !isActive && !runs.isEmpty() && runs.getFirst() == RunState.FAILED;
          case All -> true;
        };
    return !isWanted ? Choice.SKIP : history.isFired() ? Choice.RUN_AGAIN : Choice.RUN;
  }
}
