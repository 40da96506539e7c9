/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.luigioperator.api.BackfillSpec;
import io.luigioperator.run.ScheduleObject;
import io.luigioperator.schedule.BackfillCursor;
import io.luigioperator.schedule.BackfillDates;
import io.luigioperator.schedule.BackfillDefinition;
import io.luigioperator.schedule.InvalidScheduleException;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/** What the backfills of a schedule do first. */
public final class PlannedBackfills {

  private static final Instant NOW = Instant.parse("2026-11-27T01:00:00Z");

  private PlannedBackfills() {}

  /** One text for each backfill: what is stored, and its first dates. */
  public static List<String> of(ScheduleObject schedule) {
    return schedule.spec().backfills().stream().map(b -> planned(schedule, b)).toList();
  }

  private static String planned(ScheduleObject schedule, BackfillSpec backfill) {
    BackfillRuns runs = new BackfillRuns(schedule, NOW, run -> Optional.empty());
    try {
      BackfillDates dates = BackfillDates.of(backfill, schedule.spec().businessDate().unit());
      BackfillCursor cursor = new BackfillCursor(dates, runs.clients(backfill), Optional.empty());
      StringBuilder text = new StringBuilder(BackfillDefinition.of(backfill));
      text.append(cursor.remaining());
      for (int free = BackfillRunner.free(backfill, 0); free > 0 && cursor.hasNext(); free--) {
        text.append(' ').append(runs.of(backfill, cursor.next()));
      }
      return text.toString();
    } catch (InvalidScheduleException e) {
      return String.valueOf(e.getMessage());
    }
  }
}
