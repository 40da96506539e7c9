/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.schedule;

import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.time.zone.ZoneRulesProvider;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

/** Time zones of the tz database that the Java runtime contains. */
public final class TimeZones {

  private static final String UTC = "UTC";

  /** An offset that is written as a zone, such as GMT+2 or UTC-05:00, or alone, such as +02:00. */
  private static final Pattern FIXED_OFFSET = Pattern.compile("(?:UTC|GMT|UT)?[+-][0-9:]+|Z");

  private TimeZones() {}

  /** Release of the tz database in use, such as 2026a. */
  public static String version() {
    return ZoneRulesProvider.getVersions(UTC).lastKey();
  }

  /**
   * The zone with this id: UTC or an id with a slash such as Europe/Berlin or Etc/GMT+2.
   *
   * @throws InvalidScheduleException if there is none
   */
  public static ZoneId parse(String id) {
    Set<String> known = ZoneRulesProvider.getAvailableZoneIds();
    if (known.contains(id) && isAccepted(id)) {
      return ZoneId.of(id);
    }
    throw new InvalidScheduleException(message(id, known));
  }

  /** Java knows SystemV/…, which the tz database no longer contains. */
  private static boolean isAccepted(String id) {
    return id.equals(UTC) || id.contains("/") && !id.startsWith("SystemV/");
  }

  private static String message(String id, Set<String> known) {
    String zone = id.isEmpty() ? "An empty time zone" : "Time zone \"%s\"".formatted(id);
    if (FIXED_OFFSET.matcher(id).matches()) {
      return "%s is a fixed offset; use a region such as Europe/Berlin, or Etc/GMT-2 for two hours east of UTC."
          .formatted(zone);
    }
    if (id.equals("Local")) {
      return "%s depends on the machine; use a region such as Europe/Berlin, or UTC."
          .formatted(zone);
    }
    if (known.contains(id)) {
      return "%s is a legacy name; use a region such as Europe/Berlin, or UTC.".formatted(zone);
    }
    Optional<String> similar =
        known.stream().filter(TimeZones::isAccepted).filter(id::equalsIgnoreCase).findFirst();
    return similar.isPresent()
        ? "%s is unknown; upper and lower case matter: use %s.".formatted(zone, similar.get())
        : "%s is unknown in tz database %s; use a region such as Europe/Berlin, or UTC."
            .formatted(zone, version());
  }

  /**
   * Where to go on deciding after the rules of a zone may have changed, because a new tz database
   * is in use. Ticks are decided in the order of local time. If the zone had another offset when it
   * was decided last, the local time reached then may lie earlier in real time now, and ticks in
   * between would be lost. Going back repeats ticks; those whose date has a run become
   * DuplicateDate.
   *
   * @param decidedUntil up to where ticks were decided
   * @param offsetThen offset of the zone at that instant by the rules in use then
   */
  public static Instant resumeFrom(Instant decidedUntil, ZoneOffset offsetThen, ZoneId zone) {
    int ahead =
        zone.getRules().getOffset(decidedUntil).getTotalSeconds() - offsetThen.getTotalSeconds();
    return ahead > 0 ? decidedUntil.minusSeconds(ahead) : decidedUntil;
  }
}
