/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.schedule;

import java.time.LocalDateTime;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.time.zone.ZoneOffsetTransition;
import java.time.zone.ZoneRules;
import java.time.zone.ZoneRulesProvider;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Set;
import java.util.TreeMap;

/**
 * A country that decides about daylight saving time at short notice, as two zones: the one of the
 * tz database before the decision was in it, and the one after. East of UTC by two hours in summer
 * 2026 and by one otherwise.
 */
final class ChangingZone extends ZoneRulesProvider {

  static final String PREFIX = "Test/";

  /** With summer time from 29 March to 25 October 2026. */
  static final ZoneId WITH_SUMMER_TIME;

  /** Without. */
  static final ZoneId WITHOUT_SUMMER_TIME;

  private static final ZoneOffset WINTER = ZoneOffset.ofHours(1);
  private static final ZoneOffset SUMMER = ZoneOffset.ofHours(2);
  private static final ZoneRules FIXED = ZoneRules.of(WINTER);
  private static final ZoneRules CHANGING =
      ZoneRules.of(
          WINTER,
          WINTER,
          List.of(),
          List.of(
              ZoneOffsetTransition.of(LocalDateTime.parse("2026-03-29T02:00"), WINTER, SUMMER),
              ZoneOffsetTransition.of(LocalDateTime.parse("2026-10-25T03:00"), SUMMER, WINTER)),
          List.of());

  static {
    ZoneRulesProvider.registerProvider(new ChangingZone());
    WITH_SUMMER_TIME = ZoneId.of(PREFIX + "WithSummerTime");
    WITHOUT_SUMMER_TIME = ZoneId.of(PREFIX + "WithoutSummerTime");
  }

  private ChangingZone() {}

  @Override
  protected Set<String> provideZoneIds() {
    return Set.of(PREFIX + "WithSummerTime", PREFIX + "WithoutSummerTime");
  }

  @Override
  protected ZoneRules provideRules(String zoneId, boolean forCaching) {
    return zoneId.endsWith("WithSummerTime") ? CHANGING : FIXED;
  }

  @Override
  protected NavigableMap<String, ZoneRules> provideVersions(String zoneId) {
    return new TreeMap<>(Map.of("test", provideRules(zoneId, false)));
  }
}
