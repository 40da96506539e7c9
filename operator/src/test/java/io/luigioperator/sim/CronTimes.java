/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.sim;

import java.time.Instant;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * The rules of a client of a schedule whose crons only restrict the minute, and whose business
 * dates are the hour before. It finds the cron times by trying each minute.
 *
 * @param minutes local ones, at which it is due
 * @param end every cron time is before it
 * @param since when a user applied these rules first
 */
record CronTimes(String zone, Set<Integer> minutes, boolean suspended, Instant end, Instant since) {

  private static final DateTimeFormatter HOUR = DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HH");

  record CronTime(Instant time, String businessDate) {}

  static String businessDate(Instant time, String zone) {
    return HOUR.format(time.atZone(ZoneId.of(zone)).toLocalDateTime().minusHours(1));
  }

  /** Those of ({@code from}, {@code until}]. */
  List<CronTime> between(Instant from, Instant until) {
    List<CronTime> found = new ArrayList<>();
    ZoneId id = ZoneId.of(zone);
    for (Instant t = from.truncatedTo(ChronoUnit.MINUTES).plus(1, ChronoUnit.MINUTES);
        !t.isAfter(until) && t.isBefore(end);
        t = t.plus(1, ChronoUnit.MINUTES)) {
      if (minutes.contains(t.atZone(id).getMinute())) {
        found.add(new CronTime(t, businessDate(t, zone)));
      }
    }
    return found;
  }
}
