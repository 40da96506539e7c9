/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.schedule;

import io.luigioperator.api.DateUnit;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.temporal.ChronoUnit;
import java.time.zone.ZoneOffsetTransition;
import java.time.zone.ZoneRules;

/**
 * Business dates as texts: YYYY-MM, YYYY-MM-DD, YYYY-MM-DDTHH or YYYY-MM-DDTHHMM.
 *
 * <p>The date of a tick is the local time that its cron names, cut to the unit, plus the offset.
 * Months and days count on the calendar. Hours and minutes count on the client's clock: those that
 * the clock skips are not counted and those that it repeats are counted once. With unit Hour and
 * offset -1 the tick after a gap therefore gets the hour before the gap, and the repeated hour is
 * one date, which the tick after its second occurrence gets.
 */
public final class BusinessDates {

  private BusinessDates() {}

  /** The business date of a tick with this local and this real time. */
  static String of(
      LocalDateTime scheduled, Instant nominal, ZoneRules rules, DateUnit unit, int offset) {
    return format(
        switch (unit) {
          case Month -> scheduled.plusMonths(offset);
          case Day -> scheduled.plusDays(offset);
          case Hour, Minute ->
              offset == 0
                  ? scheduled
                  : onClock(scheduled.truncatedTo(chrono(unit)), nominal, rules, unit, offset);
        },
        unit);
  }

  /** The date that has begun at an instant in a time zone. */
  public static String at(Instant now, ZoneRules rules, DateUnit unit) {
    return format(LocalDateTime.ofInstant(now, rules.getOffset(now)), unit);
  }

  /**
   * @param time of the years 0 to 9999
   */
  static String format(LocalDateTime time, DateUnit unit) {
    StringBuilder text = new StringBuilder(15);
    appendTwoDigits(text, time.getYear() / 100);
    appendTwoDigits(text, time.getYear() % 100);
    appendTwoDigits(text.append('-'), time.getMonthValue());
    if (unit != DateUnit.Month) {
      appendTwoDigits(text.append('-'), time.getDayOfMonth());
    }
    if (unit == DateUnit.Hour || unit == DateUnit.Minute) {
      appendTwoDigits(text.append('T'), time.getHour());
    }
    if (unit == DateUnit.Minute) {
      appendTwoDigits(text, time.getMinute());
    }
    return text.toString();
  }

  /** Number of characters. */
  static int length(DateUnit unit) {
    return switch (unit) {
      case Month -> 7;
      case Day -> 10;
      case Hour -> 13;
      case Minute -> 15;
    };
  }

  static ChronoUnit chrono(DateUnit unit) {
    return switch (unit) {
      case Month -> ChronoUnit.MONTHS;
      case Day -> ChronoUnit.DAYS;
      case Hour -> ChronoUnit.HOURS;
      case Minute -> ChronoUnit.MINUTES;
    };
  }

  private static void appendTwoDigits(StringBuilder text, int n) {
    text.append((char) ('0' + n / 10)).append((char) ('0' + n % 10));
  }

  private static LocalDateTime onClock(
      LocalDateTime from, Instant nominal, ZoneRules rules, DateUnit unit, int offset) {
    return offset < 0
        ? before(from, nominal, rules, chrono(unit), -offset)
        : after(from, nominal, rules, chrono(unit), offset);
  }

  private static LocalDateTime before(
      LocalDateTime from, Instant nominal, ZoneRules rules, ChronoUnit unit, int count) {
    LocalDateTime result = from.minus(count, unit);
    ZoneOffsetTransition t = rules.previousTransition(nominal.plusNanos(1));
    while (t != null && later(t).isAfter(result)) {
      LocalDateTime end = floor(t.getDateTimeAfter(), unit);
      long skipped =
          unit.between(ceiling(t.getDateTimeBefore(), unit), end.isBefore(from) ? end : from);
      if (t.isGap() && skipped > 0 && end.isAfter(result)) {
        result = result.minus(skipped, unit);
      }
      t = rules.previousTransition(t.getInstant());
    }
    return result;
  }

  private static LocalDateTime after(
      LocalDateTime from, Instant nominal, ZoneRules rules, ChronoUnit unit, int count) {
    LocalDateTime result = from.plus(count, unit);
    LocalDateTime next = from.plus(1, unit);
    ZoneOffsetTransition t = rules.nextTransition(nominal.minusNanos(1));
    while (t != null && !earlier(t).isAfter(result)) {
      LocalDateTime start = ceiling(t.getDateTimeBefore(), unit);
      long skipped =
          unit.between(start.isAfter(next) ? start : next, floor(t.getDateTimeAfter(), unit));
      if (t.isGap() && skipped > 0 && !start.isAfter(result)) {
        result = result.plus(skipped, unit);
      }
      t = rules.nextTransition(t.getInstant());
    }
    return result;
  }

  private static LocalDateTime later(ZoneOffsetTransition t) {
    return t.isGap() ? t.getDateTimeAfter() : t.getDateTimeBefore();
  }

  private static LocalDateTime earlier(ZoneOffsetTransition t) {
    return t.isGap() ? t.getDateTimeBefore() : t.getDateTimeAfter();
  }

  private static LocalDateTime floor(LocalDateTime time, ChronoUnit unit) {
    return time.truncatedTo(unit);
  }

  private static LocalDateTime ceiling(LocalDateTime time, ChronoUnit unit) {
    LocalDateTime floor = time.truncatedTo(unit);
    return floor.equals(time) ? floor : floor.plus(1, unit);
  }
}
