/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.schedule;

import io.luigioperator.api.DateUnit;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.OffsetDateTime;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The coming ticks of one client, as if its schedule had existed for a while and every tick were
 * decided at its time.
 *
 * @param ticks in ascending order of time; fewer than asked for if the client ends
 */
public record Preview(ZoneId zone, boolean suspended, int jitterSeconds, List<Tick> ticks) {
  public Preview {
    ticks = List.copyOf(ticks);
  }

  /** Rare crons, such as 29 February, need some decades for a few ticks. */
  private static final Duration HORIZON = Duration.ofDays(150 * 366);

  /** The clock may repeat up to a day. */
  private static final Duration LONGEST_OVERLAP = Duration.ofHours(25);

  /**
   * A tick that starts the run of its business date, or that daylight saving time skips.
   *
   * @param local the time that the clock of the client shows then
   * @param start when the run starts at the earliest
   * @param sameDate how many further ticks have this business date, and so start no run
   */
  public record Tick(Candidate candidate, OffsetDateTime local, Instant start, long sameDate) {

    /** Whether a run starts, unless the client is suspended. */
    public boolean runs() {
      return candidate.skip() == null;
    }

    /** What is unusual about the tick, for people; empty if nothing is. */
    public String note() {
      LocalDateTime scheduled = candidate.scheduled();
      String change =
          switch (candidate.note()) {
            case None -> "";
            case MovedOutOfGap -> "moved from %s, which does not exist on %s";
            case SkippedInGap -> "no run: %s does not exist on %s";
            case FirstOccurrence -> "%s occurs twice on %s; this is the first time";
            case SecondOccurrence -> "%s occurs twice on %s; this is the second time";
          };
      String note = change.formatted(scheduled.toLocalTime(), scheduled.toLocalDate());
      if (sameDate == 0) {
        return note;
      }
      return "%s%s%d more cron time%s of this business date start%s no run"
          .formatted(
              note,
              note.isEmpty() ? "" : "; ",
              sameDate,
              sameDate == 1 ? "" : "s",
              sameDate == 1 ? "s" : "");
    }

    private Tick withOneMore() {
      return new Tick(candidate, local, start, sameDate + 1);
    }
  }

  /**
   * @param from the ticks after this time, of the years 1970 to 9000
   * @param count how many ticks, at least 1
   * @param jitterSeconds by how much the client starts after a tick, see {@link Jitter}
   */
  public static Preview of(TickRules rules, Instant from, int count, int jitterSeconds) {
    TickWalk walk = TickWalk.of(rules, from.minus(oneDate(rules.unit())), from.plus(HORIZON));
    List<Tick> ticks = new ArrayList<>();
    Set<String> dates = new HashSet<>();
    Map<String, Integer> shown = new HashMap<>();
    while (walk.hasNext()) {
      Candidate candidate = walk.next();
      String date = candidate.businessDate();
      if (candidate.skip() == null && !dates.add(date)) {
        shown.computeIfPresent(
            date,
            (key, index) -> {
              ticks.set(index, ticks.get(index).withOneMore());
              return index;
            });
      } else if (candidate.nominal().isAfter(from)) {
        if (ticks.size() == count) {
          break;
        }
        if (candidate.skip() == null) {
          shown.put(date, ticks.size());
        }
        ticks.add(tick(candidate, rules.zone(), jitterSeconds));
      }
    }
    return new Preview(rules.zone(), rules.suspended(), jitterSeconds, ticks);
  }

  private static Tick tick(Candidate candidate, ZoneId zone, int jitterSeconds) {
    Instant nominal = candidate.nominal();
    return new Tick(
        candidate, nominal.atZone(zone).toOffsetDateTime(), nominal.plusSeconds(jitterSeconds), 0);
  }

  /** At least the time from the first to the last tick of a business date. */
  private static Duration oneDate(DateUnit unit) {
    Duration length =
        switch (unit) {
          case Month -> Duration.ofDays(31);
          case Day -> Duration.ofDays(1);
          case Hour -> Duration.ofHours(1);
          case Minute -> Duration.ofMinutes(1);
        };
    return length.plus(LONGEST_OVERLAP);
  }
}
