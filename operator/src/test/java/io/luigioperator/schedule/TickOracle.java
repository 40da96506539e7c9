/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.schedule;

import io.luigioperator.api.DateUnit;
import io.luigioperator.api.DstPolicy;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.time.zone.ZoneRules;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableSet;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;

/**
 * The ticks of a span of time by brute force, to compare {@link TickWalk} with. Watches a clock on
 * the wall minute by minute and knows nothing of transitions: a gap is a minute in which the clock
 * moved on by more than one minute, a repetition is a time that is not later than the latest time
 * seen. Shares no code with the package; it asks java.time only what time it is.
 */
final class TickOracle {

  private static final Map<DateUnit, DateTimeFormatter> FORMS =
      Map.of(
          DateUnit.Month, DateTimeFormatter.ofPattern("uuuu-MM"),
          DateUnit.Day, DateTimeFormatter.ofPattern("uuuu-MM-dd"),
          DateUnit.Hour, DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HH"),
          DateUnit.Minute, DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HHmm"));

  /** What the oracle and the code under test must agree on. */
  record Tick(Instant time, String businessDate, boolean runs) {}

  /** A cron in the notation of this class: numbers, *, ranges, steps and lists, no names. */
  static final class Rule {
    private final boolean[] minutes;
    private final boolean[] hours;
    private final boolean[] days;
    private final boolean[] months;
    private final boolean[] weekdays;
    private final boolean eitherDay;
    private final boolean everyHour;

    Rule(String cron) {
      String[] f = cron.split(" ");
      minutes = numbers(f[0], 0, 60);
      hours = numbers(f[1], 0, 24);
      days = numbers(f[2], 1, 32);
      months = numbers(f[3], 1, 13);
      weekdays = numbers(f[4], 0, 8);
      weekdays[0] |= weekdays[7];
      eitherDay = !f[2].equals("*") && !f[4].equals("*");
      everyHour = f[1].equals("*");
    }

    private static boolean[] numbers(String field, int min, int end) {
      boolean[] in = new boolean[end];
      for (String item : field.split(",")) {
        String[] step = item.split("/");
        String[] range = step[0].split("-");
        int low = range[0].equals("*") ? min : Integer.parseInt(range[0]);
        int high =
            range.length == 2
                ? Integer.parseInt(range[1])
                : range[0].equals("*") || step.length == 2 ? end - 1 : low;
        int by = step.length == 2 ? Integer.parseInt(step[1]) : 1;
        for (int n = min; n < end; n++) {
          in[n] |= n >= low && n <= high && (n - low) % by == 0;
        }
      }
      return in;
    }

    boolean matches(LocalDateTime t) {
      if (!minutes[t.getMinute()] || !hours[t.getHour()] || !months[t.getMonthValue()]) {
        return false;
      }
      boolean day = days[t.getDayOfMonth()];
      boolean weekday = weekdays[t.getDayOfWeek().getValue() % 7];
      return eitherDay ? day || weekday : day && weekday;
    }
  }

  /**
   * A minute of real time.
   *
   * @param local what the clock shows
   * @param skipped times that it has left out since the minute before
   * @param repeated whether it has shown this time, or a later one, before
   */
  private record Minute(
      Instant time, LocalDateTime local, List<LocalDateTime> skipped, boolean repeated) {}

  private final List<Minute> span = new ArrayList<>();
  private final NavigableSet<LocalDateTime> clock = new TreeSet<>();
  private final Map<DateUnit, NavigableSet<String>> shown = new EnumMap<>(DateUnit.class);

  /**
   * @param after on a full minute
   * @param minutes length of the span
   * @param margin for so many minutes before and after, the clock is watched too, for what it
   *     showed and will show
   */
  TickOracle(ZoneRules zone, Instant after, int minutes, int margin) {
    LocalDateTime before = LocalDateTime.MAX;
    LocalDateTime latest = LocalDateTime.MIN;
    for (int m = -margin; m <= minutes + margin; m++) {
      Instant time = after.plusSeconds(60L * m);
      LocalDateTime local = LocalDateTime.ofInstant(time, zone.getOffset(time));
      clock.add(local);
      if (m > 0 && m <= minutes) {
        span.add(new Minute(time, local, between(before, local), !local.isAfter(latest)));
      }
      before = local;
      latest = local.isAfter(latest) ? local : latest;
    }
  }

  private static List<LocalDateTime> between(LocalDateTime before, LocalDateTime now) {
    List<LocalDateTime> between = new ArrayList<>(0);
    for (LocalDateTime t = before.plusMinutes(1); t.isBefore(now); t = t.plusMinutes(1)) {
      between.add(t);
    }
    return between;
  }

  /** The ticks of the span, in order. */
  List<Tick> ticks(List<Rule> rules, DstPolicy policy, DateUnit unit, int offset) {
    List<Tick> ticks = new ArrayList<>();
    for (Minute minute : span) {
      Map<String, Boolean> dates = new TreeMap<>();
      for (Rule rule : rules) {
        boolean realTime = policy == DstPolicy.RunOnce && rule.everyHour;
        for (LocalDateTime skipped : minute.skipped) {
          if (rule.matches(skipped) && (!realTime || isAllThatItsHourHas(rule, skipped))) {
            boolean runs = policy == DstPolicy.RunOnce;
            dates.merge(date(skipped, unit, offset), runs, Boolean::logicalOr);
          }
        }
        if (rule.matches(minute.local) && (realTime || !minute.repeated)) {
          dates.put(date(minute.local, unit, offset), true);
        }
      }
      dates.forEach((date, runs) -> ticks.add(new Tick(minute.time, date, runs)));
    }
    return ticks;
  }

  /** The clock shows a part of the hour, and no time in it matches; this is the last that would. */
  private boolean isAllThatItsHourHas(Rule rule, LocalDateTime skipped) {
    LocalDateTime hour = skipped.withMinute(0);
    Set<LocalDateTime> shownOfHour = clock.subSet(hour, hour.plusHours(1));
    return !shownOfHour.isEmpty()
        && shownOfHour.stream().noneMatch(rule::matches)
        && between(skipped, hour.plusHours(1)).stream()
            .noneMatch(t -> !clock.contains(t) && rule.matches(t));
  }

  private String date(LocalDateTime t, DateUnit unit, int offset) {
    return switch (unit) {
      case Month -> FORMS.get(unit).format(t.plusMonths(offset));
      case Day -> FORMS.get(unit).format(t.plusDays(offset));
      case Hour, Minute -> {
        String date = FORMS.get(unit).format(t);
        for (int i = 0; i > offset; i--) {
          date = shown(unit).lower(date);
        }
        for (int i = 0; i < offset; i++) {
          date = shown(unit).higher(date);
        }
        yield date;
      }
    };
  }

  /** All hours or minutes that the clock shows. */
  private NavigableSet<String> shown(DateUnit unit) {
    return shown.computeIfAbsent(
        unit,
        u ->
            clock.stream()
                .map(FORMS.get(u)::format)
                .collect(Collectors.toCollection(TreeSet::new)));
  }
}
