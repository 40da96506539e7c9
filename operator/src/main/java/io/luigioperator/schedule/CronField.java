/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.schedule;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * One field of a cron expression as a set of numbers.
 *
 * @param values bit n is set if the field contains n
 * @param wildcard whether the field restricts nothing: it contains * without a step
 */
record CronField(long values, boolean wildcard) {

  /** The five fields, with the name that messages use. */
  enum Kind {
    MINUTE("minute", 0, 59, ""),
    HOUR("hour", 0, 23, ""),
    DAY_OF_MONTH("day of month", 1, 31, ""),
    MONTH("month", 1, 12, "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC"),
    DAY_OF_WEEK("day of week", 0, 7, "SUN MON TUE WED THU FRI SAT");

    private final String label;
    private final int min;
    private final int max;

    /** Names of three letters for the numbers from min on, with blanks between. */
    private final String names;

    Kind(String label, int min, int max, String names) {
      this.label = label;
      this.min = min;
      this.max = max;
      this.names = names;
    }
  }

  private static final Pattern ITEM =
      Pattern.compile(
          "(?:(\\*)|([0-9]{1,2}|[A-Za-z]{3})(?:-([0-9]{1,2}|[A-Za-z]{3}))?)(?:/([0-9]{1,2}))?");

  /**
   * @param expression the whole expression, for messages
   */
  static CronField parse(Kind kind, String field, String expression) {
    long values = 0;
    boolean wildcard = false;
    for (String text : field.split(",", -1)) {
      Item item = new Parser(kind, field, expression).item(text);
      for (int n = item.first; n <= item.last; n += item.step) {
        values |= 1L << n;
      }
      wildcard |= item.every && item.step == 1;
    }
    return new CronField(kind == Kind.DAY_OF_WEEK ? sundayAsZero(values) : values, wildcard);
  }

  private static long sundayAsZero(long weekdays) {
    return (weekdays | weekdays >> 7) & 0x7f;
  }

  boolean contains(int n) {
    return (values >> n & 1) != 0;
  }

  /** The smallest number of the set that is not below n, or -1. */
  int next(int n) {
    long rest = n > 63 ? 0 : values & -1L << n;
    return rest == 0 ? -1 : Long.numberOfTrailingZeros(rest);
  }

  private record Item(int first, int last, int step, boolean every) {}

  private record Parser(Kind kind, String field, String expression) {

    Item item(String text) {
      Matcher parts = ITEM.matcher(text);
      if (!parts.matches()) {
        throw invalid(CronHints.item(text));
      }
      String low = parts.group(2);
      String high = parts.group(3);
      String step = parts.group(4);
      int width = step == null ? 1 : step(Integer.parseInt(step));
      if (low == null) {
        return new Item(kind.min, kind == Kind.DAY_OF_WEEK ? 6 : kind.max, width, true);
      }
      int first = number(low);
      if (high == null) {
        int end = kind == Kind.DAY_OF_WEEK ? Math.max(first, 6) : kind.max;
        return new Item(first, step == null ? first : end, width, false);
      }
      int last = number(high);
      if (kind == Kind.DAY_OF_WEEK && last == 0 && first > 0) {
        last = 7;
      }
      if (first > last) {
        throw invalid(
            "the range %s-%s ends before it begins; write it as a list of two ranges"
                .formatted(low, high));
      }
      return new Item(first, last, width, false);
    }

    private int step(int step) {
      if (step < 1 || step > kind.max) {
        throw invalid("the step %d is not between 1 and %d".formatted(step, kind.max));
      }
      return step;
    }

    private int number(String text) {
      if (Character.isDigit(text.charAt(0))) {
        int n = Integer.parseInt(text);
        if (n < kind.min || n > kind.max) {
          throw invalid("%d is not between %d and %d".formatted(n, kind.min, kind.max));
        }
        return n;
      }
      int index = kind.names.indexOf(text.toUpperCase(Locale.ROOT));
      if (index < 0) {
        throw invalid(CronHints.name(text, kind.names));
      }
      return index / 4 + kind.min;
    }

    private InvalidScheduleException invalid(String problem) {
      return new InvalidScheduleException(
          "Cron expression \"%s\": in the %s field \"%s\", %s."
              .formatted(expression, kind.label, field, problem));
    }
  }
}
