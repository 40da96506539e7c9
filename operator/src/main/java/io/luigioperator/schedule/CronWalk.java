/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.schedule;

import io.luigioperator.api.DateUnit;
import io.luigioperator.api.DstPolicy;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.temporal.ChronoUnit;
import java.time.zone.ZoneOffsetTransition;
import java.time.zone.ZoneRules;
import java.util.ArrayDeque;
import java.util.Optional;
import java.util.Queue;
import org.jspecify.annotations.Nullable;

/**
 * The ticks of one cron, in ascending order. Walks from one change of the clock to the next; in
 * between, the local time is the real time plus a constant.
 */
final class CronWalk {

  private final CronExpression cron;
  private final ZoneRules zone;
  private final DateUnit unit;
  private final int dateOffset;
  private final Instant until;

  /** Whether the cron follows real time: no skipped local times, repeated ones twice. */
  private final boolean realTime;

  private final boolean strict;

  private final Queue<Candidate> inGap = new ArrayDeque<>();
  private ZoneOffset offset;
  private LocalDateTime from;
  private @Nullable ZoneOffsetTransition last;
  private @Nullable ZoneOffsetTransition coming;
  private @Nullable Candidate head;

  CronWalk(TickRules rules, CronExpression cron, Instant after, Instant until) {
    this.cron = cron;
    this.until = until;
    zone = rules.zone().getRules();
    unit = rules.unit();
    dateOffset = rules.offset();
    strict = rules.dstPolicy() == DstPolicy.Strict;
    realTime = !strict && cron.isHourWildcard();
    offset = zone.getOffset(after);
    last = zone.previousTransition(after.plusNanos(1));
    coming = zone.nextTransition(after);
    from = LocalDateTime.ofInstant(after.plusNanos(1), offset);
    if (!realTime && last != null && last.isOverlap()) {
      from = later(from, last.getDateTimeBefore());
    }
    advance();
  }

  /** The next tick; null at the end. */
  @Nullable Candidate head() {
    return head;
  }

  void advance() {
    head = inGap.poll();
    while (head == null) {
      Optional<LocalDateTime> match = cron.next(from);
      if (match.isEmpty()) {
        return;
      }
      Instant instant = match.get().toInstant(offset);
      ZoneOffsetTransition change = coming;
      if (change != null && !instant.isBefore(change.getInstant())) {
        if (change.getInstant().isAfter(until)) {
          return;
        }
        cross(change);
        head = inGap.poll();
      } else if (instant.isAfter(until)) {
        return;
      } else {
        head = candidate(instant, match.get(), null, note(match.get()));
        from = match.get().plusMinutes(1);
      }
    }
  }

  private void cross(ZoneOffsetTransition change) {
    if (change.isGap()) {
      if (realTime) {
        collectPartialHours(change);
      } else {
        collectGap(change);
      }
      from = change.getDateTimeAfter();
    } else {
      from = realTime ? change.getDateTimeAfter() : later(from, change.getDateTimeBefore());
    }
    offset = change.getOffsetAfter();
    last = change;
    coming = zone.nextTransition(change.getInstant());
  }

  private void collectGap(ZoneOffsetTransition gap) {
    LocalDateTime time = later(from, gap.getDateTimeBefore());
    Optional<LocalDateTime> match = matchIn(time, gap.getDateTimeAfter());
    while (match.isPresent()) {
      inGap.add(
          strict
              ? candidate(
                  gap.getInstant(), match.get(), SkipReason.DaylightSavingGap, DstNote.SkippedInGap)
              : moved(match.get(), gap));
      match = matchIn(match.get().plusMinutes(1), gap.getDateTimeAfter());
    }
  }

  /** Hours at the edges of a gap, such as 2:30 to 3:00 after a gap of half an hour. */
  private void collectPartialHours(ZoneOffsetTransition gap) {
    LocalDateTime first = gap.getDateTimeBefore().truncatedTo(ChronoUnit.HOURS);
    LocalDateTime last = gap.getDateTimeAfter().truncatedTo(ChronoUnit.HOURS);
    keepHour(first, gap);
    if (last.isAfter(first)) {
      keepHour(last, gap);
    }
  }

  /** If the gap contains all times of an hour that the clock shows in part, the last one is due. */
  private void keepHour(LocalDateTime hour, ZoneOffsetTransition gap) {
    LocalDateTime end = hour.plusHours(1);
    LocalDateTime skippedFrom = later(hour, gap.getDateTimeBefore());
    LocalDateTime skippedTo = earlier(end, gap.getDateTimeAfter());
    boolean shown = hour.isBefore(skippedFrom) || skippedTo.isBefore(end);
    if (!shown || matchIn(hour, skippedFrom).isPresent() || matchIn(skippedTo, end).isPresent()) {
      return;
    }
    Optional<LocalDateTime> last = Optional.empty();
    Optional<LocalDateTime> match = matchIn(skippedFrom, skippedTo);
    while (match.isPresent()) {
      last = match;
      match = matchIn(match.get().plusMinutes(1), skippedTo);
    }
    last.ifPresent(time -> inGap.add(moved(time, gap)));
  }

  /** The first match of {@code [start, end)}. */
  private Optional<LocalDateTime> matchIn(LocalDateTime start, LocalDateTime end) {
    return cron.next(start).filter(match -> match.isBefore(end));
  }

  private Candidate moved(LocalDateTime scheduled, ZoneOffsetTransition gap) {
    return candidate(gap.getInstant(), scheduled, null, DstNote.MovedOutOfGap);
  }

  private Candidate candidate(
      Instant nominal, LocalDateTime scheduled, @Nullable SkipReason skip, DstNote note) {
    String date = BusinessDates.of(scheduled, nominal, zone, unit, dateOffset);
    return new Candidate(nominal, scheduled, date, skip, note);
  }

  private DstNote note(LocalDateTime time) {
    if (last != null && last.isOverlap() && time.isBefore(last.getDateTimeBefore())) {
      return DstNote.SecondOccurrence;
    }
    return coming != null && coming.isOverlap() && !time.isBefore(coming.getDateTimeAfter())
        ? DstNote.FirstOccurrence
        : DstNote.None;
  }

  private static LocalDateTime later(LocalDateTime a, LocalDateTime b) {
    return a.isAfter(b) ? a : b;
  }

  private static LocalDateTime earlier(LocalDateTime a, LocalDateTime b) {
    return a.isBefore(b) ? a : b;
  }
}
