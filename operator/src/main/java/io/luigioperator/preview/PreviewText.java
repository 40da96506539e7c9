/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.preview;

import io.luigioperator.preview.Report.Client;
import io.luigioperator.preview.Report.Tick;
import java.io.PrintStream;
import java.time.format.DateTimeFormatter;
import java.util.Locale;

/** The output for people. */
final class PreviewText {

  private static final DateTimeFormatter LOCAL =
      DateTimeFormatter.ofPattern("EEE uuuu-MM-dd HH:mm xxx", Locale.ROOT);

  private static final String ROW = "    %-20s  %-27s  %-15s  %-20s  %s";

  private PreviewText() {}

  static void write(Report report, PrintStream out) {
    report
        .schedules()
        .forEach(
            schedule -> {
              out.println(
                  "PipelineSchedule %s/%s, tz database %s"
                      .formatted(schedule.namespace(), schedule.name(), report.tzdb()));
              schedule.clients().forEach(client -> write(client, out));
              out.println();
            });
    report
        .skipped()
        .forEach(
            s ->
                out.println(
                    "Skipped: %s in line %d"
                        .formatted((s.kind() + " " + s.name()).strip(), s.line())));
  }

  private static void write(Client client, PrintStream out) {
    out.println();
    out.println("  client %s: %s%s".formatted(client.id(), client.timeZone(), remarks(client)));
    if (client.ticks().isEmpty()) {
      return;
    }
    out.println(
        ROW.formatted("CRON TIME (UTC)", "LOCAL TIME", "BUSINESS DATE", "START (UTC)", "NOTE"));
    for (Tick tick : client.ticks()) {
      out.println(
          ROW.formatted(
                  tick.utc(),
                  LOCAL.format(tick.local()),
                  tick.businessDate(),
                  tick.runs() ? tick.start() : "-",
                  tick.note())
              .stripTrailing());
    }
  }

  private static String remarks(Client client) {
    String text = "";
    if (client.jitterSeconds() > 0) {
      text += ", starts %d s after the cron time".formatted(client.jitterSeconds());
    }
    if (client.suspended()) {
      text += ", suspended: these cron times create no runs";
    }
    if (client.crons().isEmpty()) {
      text += ", no crons: the schedule creates no runs";
    } else if (client.ticks().isEmpty()) {
      text += ", no cron time before its endTime";
    }
    return text;
  }
}
