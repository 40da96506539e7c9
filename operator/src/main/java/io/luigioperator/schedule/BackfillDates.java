/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.schedule;

import io.luigioperator.api.BackfillOrder;
import io.luigioperator.api.BackfillSpec;
import io.luigioperator.api.DateUnit;
import io.luigioperator.run.BusinessDate;
import java.time.LocalDateTime;
import java.time.temporal.ChronoUnit;

/**
 * The business dates of a backfill, in its order, by index from 0. They are those of the calendar:
 * whether a cron of a client names one is the matter of {@link CronDates}.
 */
public final class BackfillDates {

  private static final String EXAMPLE = "2026-11-28T1430";

  /** Completes a date that is cut to its unit. */
  private static final String MIDNIGHT_OF_NEW_YEAR = "0000-01-01T0000";

  private final DateUnit unit;
  private final BackfillOrder order;
  private final LocalDateTime start;
  private final LocalDateTime end;

  private BackfillDates(
      DateUnit unit, BackfillOrder order, LocalDateTime start, LocalDateTime end) {
    this.unit = unit;
    this.order = order;
    this.start = start;
    this.end = end;
  }

  /**
   * @throws InvalidScheduleException if start or end is not a business date of this unit, or end is
   *     before start
   */
  public static BackfillDates of(BackfillSpec backfill, DateUnit unit) {
    LocalDateTime start = parse("start", backfill.start(), unit);
    LocalDateTime end = parse("end", backfill.end(), unit);
    if (end.isBefore(start)) {
      throw new InvalidScheduleException(
          "end %s is before start %s".formatted(backfill.end(), backfill.start()));
    }
    return new BackfillDates(unit, backfill.order(), start, end);
  }

  private static LocalDateTime parse(String field, String date, DateUnit unit) {
    if (date.length() != BusinessDates.length(unit) || !BusinessDate.exists(date)) {
      throw new InvalidScheduleException(
          "%s \"%s\" is not a business date of unit %s, such as %s"
              .formatted(field, date, unit, EXAMPLE.substring(0, BusinessDates.length(unit))));
    }
    return local(date);
  }

  /** The first minute of a date. */
  static LocalDateTime local(String date) {
    String whole = date + MIDNIGHT_OF_NEW_YEAR.substring(date.length());
    return LocalDateTime.of(
        number(whole, 0, 4),
        number(whole, 5, 7),
        number(whole, 8, 10),
        number(whole, 11, 13),
        number(whole, 13, 15));
  }

  private static int number(String text, int from, int to) {
    return Integer.parseInt(text, from, to, 10);
  }

  /** At least 1. */
  public long count() {
    return chrono().between(start, end) + 1;
  }

  /** The date at an index from 0 to {@link #count} - 1. */
  public String at(long index) {
    return BusinessDates.format(
        order == BackfillOrder.OldestFirst
            ? start.plus(index, chrono())
            : end.minus(index, chrono()),
        unit);
  }

  /** The index of one of the dates. */
  public long indexOf(String date) {
    return order == BackfillOrder.OldestFirst
        ? chrono().between(start, local(date))
        : chrono().between(local(date), end);
  }

  private ChronoUnit chrono() {
    return BusinessDates.chrono(unit);
  }
}
