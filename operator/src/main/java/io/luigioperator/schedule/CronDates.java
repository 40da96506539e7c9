/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.schedule;

import java.time.Duration;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/**
 * Finds out whether a cron of a client names a business date. Remembers for each client the dates
 * of the last day, month or year that was asked for. Not thread-safe.
 */
public final class CronDates {

  /** More than the distance between local time and UTC, and the longest gap. */
  private static final Duration MARGIN = Duration.ofDays(2);

  /** The dates of a client that begin with the same year, month or day. */
  private record Known(TickRules rules, String span, Set<String> dates) {}

  private final Map<String, Known> known = new HashMap<>();

  /** True for every date if the client has no crons. */
  public boolean contains(String client, TickRules rules, String date) {
    if (rules.crons().isEmpty()) {
      return true;
    }
    String span = date.substring(0, spanLength(rules));
    Known found = known.get(client);
    if (found == null || !found.span().equals(span) || !found.rules().equals(rules)) {
      found = new Known(rules, span, dates(rules, span));
      known.put(client, found);
    }
    return found.dates().contains(date);
  }

  private static int spanLength(TickRules rules) {
    return switch (rules.unit()) {
      case Month -> 4;
      case Day -> 7;
      case Hour, Minute -> 10;
    };
  }

  private static Set<String> dates(TickRules rules, String span) {
    LocalDateTime start = BackfillDates.local(span);
    LocalDateTime end =
        switch (rules.unit()) {
          case Month -> start.plusYears(1);
          case Day -> start.plusMonths(1);
          case Hour, Minute -> start.plusDays(1);
        };
    TickWalk walk =
        TickWalk.of(rules, cronTime(start, rules).minus(MARGIN), cronTime(end, rules).plus(MARGIN));
    Set<String> dates = new HashSet<>();
    while (walk.hasNext()) {
      String date = walk.next().businessDate();
      if (date.startsWith(span)) {
        dates.add(date);
      }
    }
    return dates;
  }

  /** Roughly when the cron is due that names a date. */
  private static Instant cronTime(LocalDateTime date, TickRules rules) {
    return date.minus(rules.offset(), BusinessDates.chrono(rules.unit())).toInstant(ZoneOffset.UTC);
  }
}
