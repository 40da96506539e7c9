/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.schedule;

import io.luigioperator.api.DateUnit;
import io.luigioperator.api.DstPolicy;
import java.time.Instant;
import java.time.ZoneId;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * When a client runs and for which business dates.
 *
 * @param zone the client's time zone, see {@link TimeZones#parse}
 * @param crons empty if the client runs on demand only
 * @param unit length of a business date
 * @param offset business date minus local date of the tick, in units; see {@link BusinessDates}
 * @param startTime no tick is before it; null if unbounded
 * @param endTime every tick is before it; null if unbounded
 * @param suspended whether ticks are skipped
 */
public record TickRules(
    ZoneId zone,
    List<CronExpression> crons,
    DateUnit unit,
    int offset,
    DstPolicy dstPolicy,
    @Nullable Instant startTime,
    @Nullable Instant endTime,
    boolean suspended) {
  public TickRules {
    crons = List.copyOf(crons);
  }
}
