/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.schedule;

import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.Month;
import java.time.temporal.ChronoUnit;
import java.util.Map;
import java.util.Optional;

/**
 * A cron expression: minute, hour, day of month, month and day of week, or one of {@code @hourly},
 * {@code @daily}, {@code @weekly} and {@code @monthly}. A field is {@code *}, a number, a range or
 * a list of them, each with an optional step; {@code n/s} means from n to the end in steps of s.
 * Months and days of the week have names of three letters; Sunday is 0 or 7.
 *
 * <p>If day of month and day of week are both restricted, a date matches that satisfies one of
 * them. As in a Kubernetes CronJob, {@code *} does not restrict a field and {@code *} with a step
 * does. Equal if the texts are. Immutable.
 */
public final class CronExpression {

  /** Longest expression, in characters. */
  public static final int MAX_LENGTH = 128;

  private static final Map<String, String> MACROS =
      Map.of(
          "@hourly", "0 * * * *",
          "@daily", "0 0 * * *",
          "@weekly", "0 0 * * 0",
          "@monthly", "0 0 1 * *");

  /** 29 February may be eight years away, as in 2096. */
  private static final int MAX_YEARS = 9;

  private final String text;
  private final CronField minutes;
  private final CronField hours;
  private final CronField days;
  private final CronField months;
  private final CronField weekdays;

  private CronExpression(String text, String[] fields) {
    this.text = text;
    minutes = CronField.parse(CronField.Kind.MINUTE, fields[0], text);
    hours = CronField.parse(CronField.Kind.HOUR, fields[1], text);
    days = CronField.parse(CronField.Kind.DAY_OF_MONTH, fields[2], text);
    months = CronField.parse(CronField.Kind.MONTH, fields[3], text);
    weekdays = CronField.parse(CronField.Kind.DAY_OF_WEEK, fields[4], text);
  }

  /**
   * @throws InvalidScheduleException if the expression is not of this form or matches no date
   */
  public static CronExpression parse(String text) {
    if (text.length() > MAX_LENGTH) {
      throw new InvalidScheduleException(
          "A cron expression has at most %d characters; this one has %d."
              .formatted(MAX_LENGTH, text.length()));
    }
    String trimmed = text.strip();
    String expanded = trimmed.startsWith("@") ? expand(trimmed) : trimmed;
    String[] fields = expanded.split("[ \t]+", -1);
    if (fields.length != 5) {
      throw new InvalidScheduleException(CronHints.fieldCount(trimmed, fields));
    }
    CronExpression cron = new CronExpression(trimmed, fields);
    if (!cron.matchesSomeDate()) {
      throw new InvalidScheduleException(
          "Cron expression \"%s\" never matches: no month in it has such a day."
              .formatted(trimmed));
    }
    return cron;
  }

  private static String expand(String macro) {
    String expanded = MACROS.get(macro);
    if (expanded == null) {
      throw new InvalidScheduleException(CronHints.macro(macro));
    }
    return expanded;
  }

  /** The expression as it was written, without surrounding blanks. */
  public String text() {
    return text;
  }

  /** Whether the hour field is {@code *}, so that the expression names minutes of every hour. */
  public boolean isHourWildcard() {
    return hours.wildcard();
  }

  /** Whether the minute of the date and time matches; seconds are ignored. */
  public boolean matches(LocalDateTime time) {
    return minutes.contains(time.getMinute())
        && hours.contains(time.getHour())
        && matches(time.toLocalDate());
  }

  /**
   * The first matching minute that is not before the given time; empty if there is none within nine
   * years.
   */
  public Optional<LocalDateTime> next(LocalDateTime from) {
    LocalDateTime start = ceiling(from);
    LocalDate date = start.toLocalDate();
    if (matches(date)) {
      int minuteOfDay = nextMinuteOfDay(start.getHour(), start.getMinute());
      if (minuteOfDay >= 0) {
        return Optional.of(at(date, minuteOfDay));
      }
    }
    return nextDate(date.plusDays(1)).map(d -> at(d, nextMinuteOfDay(0, 0)));
  }

  private static LocalDateTime ceiling(LocalDateTime time) {
    return time.getSecond() == 0 && time.getNano() == 0
        ? time
        : time.truncatedTo(ChronoUnit.MINUTES).plusMinutes(1);
  }

  private static LocalDateTime at(LocalDate date, int minuteOfDay) {
    return LocalDateTime.of(date, LocalTime.of(minuteOfDay / 60, minuteOfDay % 60));
  }

  /** The first matching minute of a day from this one on, or -1. */
  private int nextMinuteOfDay(int hour, int minute) {
    if (hours.contains(hour)) {
      int next = minutes.next(minute);
      if (next >= 0) {
        return hour * 60 + next;
      }
    }
    int nextHour = hours.next(hour + 1);
    return nextHour < 0 ? -1 : nextHour * 60 + minutes.next(0);
  }

  private Optional<LocalDate> nextDate(LocalDate from) {
    int lastYear = from.getYear() + MAX_YEARS;
    LocalDate date = from;
    while (date.getYear() <= lastYear) {
      if (!months.contains(date.getMonthValue())) {
        date = date.withDayOfMonth(1).plusMonths(1);
      } else if (!matches(date)) {
        date = date.plusDays(1);
      } else {
        return Optional.of(date);
      }
    }
    return Optional.empty();
  }

  private boolean matches(LocalDate date) {
    if (!months.contains(date.getMonthValue())) {
      return false;
    }
    boolean day = days.contains(date.getDayOfMonth());
    boolean weekday = weekdays.contains(date.getDayOfWeek().getValue() % 7);
    return days.wildcard() || weekdays.wildcard() ? day && weekday : day || weekday;
  }

  private boolean matchesSomeDate() {
    if (days.wildcard() || !weekdays.wildcard()) {
      return true;
    }
    int first = days.next(1);
    for (Month month : Month.values()) {
      if (months.contains(month.getValue()) && first <= month.maxLength()) {
        return true;
      }
    }
    return false;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof CronExpression cron && text.equals(cron.text);
  }

  @Override
  public int hashCode() {
    return text.hashCode();
  }

  @Override
  public String toString() {
    return text;
  }
}
