/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.luigioperator.run.TickSummary.Problem;
import io.luigioperator.schedule.ClientRules.Stored;
import io.luigioperator.schedule.TickRules;
import io.luigioperator.schedule.TickWalk;
import io.luigioperator.schedule.TimeZones;
import java.time.Instant;
import java.util.Optional;

/**
 * One client of a schedule in memory: how far its cron times are decided, and when the next one is.
 *
 * @param id of the client
 * @param from the decision goes on here: {@code decidedUntil}, or earlier if a new tz database has
 *     moved the zone ahead since
 * @param rules by which cron times after {@code decidedUntil} are decided
 * @param json the same as it is stored
 * @param next the next cron time; empty if there is none, or the client is suspended
 * @param problem why its cron times are not decided at the moment
 */
record ClientTicks(
    String id,
    Instant decidedUntil,
    Instant from,
    TickRules rules,
    String json,
    Optional<Instant> next,
    Optional<Problem> problem) {

  static ClientTicks of(String id, Instant decidedUntil, TickRules rules, String json) {
    return of(id, decidedUntil, decidedUntil, rules, json);
  }

  /** As it was stored, by this or another tz database. */
  static ClientTicks of(String id, Instant decidedUntil, Stored stored) {
    TickRules rules = stored.rules();
    Instant from =
        stored
            .zoneOffset()
            .map(offset -> TimeZones.resumeFrom(decidedUntil, offset, rules.zone()))
            .orElse(decidedUntil);
    return of(id, decidedUntil, from, rules, stored.json());
  }

  private static ClientTicks of(
      String id, Instant decidedUntil, Instant from, TickRules rules, String json) {
    return new ClientTicks(
        id,
        decidedUntil,
        from,
        rules,
        json,
        // the cron times of a suspended client are skipped at once when it is resumed
        rules.suspended()
            ? Optional.empty()
            : TickWalk.next(rules, from).map(candidate -> candidate.nominal()),
        Optional.empty());
  }

  ClientTicks decided(Instant until) {
    return of(id, until, rules, json);
  }

  ClientTicks withoutProblem() {
    return new ClientTicks(id, decidedUntil, from, rules, json, next, Optional.empty());
  }

  ClientTicks with(Problem found) {
    return new ClientTicks(id, decidedUntil, from, rules, json, next, Optional.of(found));
  }

  /** Whether a cron time has passed that can be decided. */
  boolean isDue(Instant now) {
    return problem.isEmpty() && next.filter(t -> !t.isAfter(now)).isPresent();
  }
}
