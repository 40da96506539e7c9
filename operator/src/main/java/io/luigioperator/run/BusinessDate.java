/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import java.time.DateTimeException;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.YearMonth;
import java.time.format.DateTimeFormatter;
import java.time.format.ResolverStyle;

/** The business date of a run: a month, a day, an hour or a minute. */
public final class BusinessDate {

  private static final DateTimeFormatter MONTH = strict("uuuu-MM");
  private static final DateTimeFormatter DAY = strict("uuuu-MM-dd");
  private static final DateTimeFormatter MINUTE = strict("uuuu-MM-dd'T'HHmm");

  private BusinessDate() {}

  /**
   * Whether the text names a date of the calendar: 2013-02-30 has the right format but does not.
   */
  public static boolean exists(String text) {
    try {
      return switch (text.length()) {
        case 7 -> YearMonth.parse(text, MONTH).getYear() > 0;
        case 10 -> LocalDate.parse(text, DAY).getYear() > 0;
        case 13 -> LocalDateTime.parse(text + "00", MINUTE).getYear() > 0;
        case 15 -> LocalDateTime.parse(text, MINUTE).getYear() > 0;
        default -> false;
      };
    } catch (DateTimeException e) {
      return false;
    }
  }

  private static DateTimeFormatter strict(String pattern) {
    return DateTimeFormatter.ofPattern(pattern).withResolverStyle(ResolverStyle.STRICT);
  }
}
