/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.schedule;

import java.util.regex.Pattern;

/** Messages for notations of other schedulers, with what to write instead. */
final class CronHints {

  private static final Pattern ZONE_PREFIX = Pattern.compile("(?:CRON_)?TZ=.*");

  private CronHints() {}

  static String fieldCount(String expression, String[] fields) {
    if (expression.isEmpty()) {
      return "A cron expression must not be empty; write five fields such as 0 2 * * *.";
    }
    if (ZONE_PREFIX.matcher(expression).matches()) {
      return "Cron expression \"%s\" contains a time zone; set the field timeZone instead."
          .formatted(expression);
    }
    String seconds =
        fields.length == 6 || fields.length == 7
            ? " A field for seconds or years is not supported."
            : "";
    return "Cron expression \"%s\" has %d field%s; write five: minute, hour, day of month, month, day of week.%s"
        .formatted(expression, fields.length, fields.length == 1 ? "" : "s", seconds);
  }

  static String macro(String macro) {
    String instead =
        switch (macro) {
          case "@yearly", "@annually" -> "write 0 0 1 1 *";
          case "@midnight" -> "write @daily";
          case "@reboot" -> "a schedule has no such event; create a PipelineRun";
          default ->
              macro.startsWith("@every")
                  ? "write a step, for example */15 * * * *"
                  : "use @hourly, @daily, @weekly or @monthly, or write five fields";
        };
    return "Cron expression \"%s\" is not supported; %s.".formatted(macro, instead);
  }

  static String item(String item) {
    if (item.isEmpty()) {
      return "an item of the list is missing";
    }
    if (item.startsWith("H") || item.startsWith("R")) {
      return "%s is not supported; write a number, and set jitterSeconds to distribute the runs"
          .formatted(item);
    }
    if (item.contains("?")) {
      return "? is not supported; write *";
    }
    if (item.contains("#")) {
      return "# is not supported; a cron cannot name the n-th weekday of a month";
    }
    if (item.equals("L") || item.startsWith("L-") || item.equals("LW")) {
      return "L is not supported; for the last day of a month, run on day 1 with a businessDate offset of -1";
    }
    if (item.matches("[0-9A-Za-z]+[LW]")) {
      return "L and W are not supported; write days as numbers";
    }
    return "\"%s\" is not a number, a range such as 1-5 or a step such as */15".formatted(item);
  }

  static String name(String text, String names) {
    return names.isEmpty()
        ? "\"%s\" is not a number".formatted(text)
        : "\"%s\" is none of %s".formatted(text, names.replace(" ", ", "));
  }
}
