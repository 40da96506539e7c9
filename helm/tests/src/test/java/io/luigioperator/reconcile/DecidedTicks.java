/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.luigioperator.api.ScheduleClient;
import io.luigioperator.reconcile.ClientDecisions.Prepared;
import io.luigioperator.run.ScheduleObject;
import io.luigioperator.schedule.ClientRules;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** What the operator decides for the clients of a schedule after an outage. */
public final class DecidedTicks {

  /**
   * At the first moment the oldest cron time is just within a catch-up of seven days, at the second
   * one it is just too old. The third one is a cron time of the client with crons of its own.
   */
  private static final List<Instant> MOMENTS =
      List.of(
          Instant.parse("2026-11-27T01:00:00Z"),
          Instant.parse("2026-11-27T01:00:01Z"),
          Instant.parse("2026-11-27T06:30:00Z"));

  private static final Duration OUTAGE = Duration.ofDays(17);

  private DecidedTicks() {}

  /** One text for each client and moment: its rules as the ledger stores them, and its runs. */
  public static List<String> of(ScheduleObject schedule) {
    List<String> lines = new ArrayList<>();
    for (ScheduleClient client : schedule.spec().clients()) {
      for (Instant now : MOMENTS) {
        lines.add(client.id() + " " + decided(schedule, client, now));
      }
    }
    return lines;
  }

  private static String decided(ScheduleObject schedule, ScheduleClient client, Instant now) {
    return switch (ClientRules.of(schedule.spec(), client)) {
      case ClientRules.Invalid(var problem) -> problem.toString();
      case ClientRules.Valid valid -> {
        ClientTicks ticks =
            ClientTicks.of(client.id(), now.minus(OUTAGE), valid.rules(), valid.json());
        Prepared prepared =
            new ClientDecisions(schedule, now, run -> Optional.empty())
                .prepare(ticks, valid, Set.of());
        yield valid.json() + " " + prepared;
      }
    };
  }
}
