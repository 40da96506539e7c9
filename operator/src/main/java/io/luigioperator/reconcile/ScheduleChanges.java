/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.luigioperator.api.PipelineScheduleSpec;
import io.luigioperator.api.ScheduleClient;
import io.luigioperator.ledger.Ledger;
import io.luigioperator.ledger.ScheduleLedger.ClientDecision;
import io.luigioperator.ledger.ScheduleLedger.TickAnswer;
import io.luigioperator.reconcile.TickDecisionRunner.Work;
import io.luigioperator.run.Instants;
import io.luigioperator.run.ScheduleObject;
import io.luigioperator.run.TickSummary.Problem;
import io.luigioperator.schedule.ClientRules;
import io.luigioperator.schedule.TickRules;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Applies a changed schedule: cron times up to now are decided by the rules before the change, also
 * if it was made while no operator ran; then the new rules apply. A new client begins now.
 */
final class ScheduleChanges {

  private final Ledger ledger;
  private final String cluster;
  private final TickDecisionRunner runner;

  ScheduleChanges(Ledger ledger, String cluster, TickDecisionRunner runner) {
    this.ledger = ledger;
    this.cluster = cluster;
    this.runner = runner;
  }

  /**
   * @return false if the ledger differs from what is in memory, which then has to be read again
   */
  boolean apply(ScheduleTicks ticks, ScheduleObject object, Instant now) {
    Instant since = ticks.isNew() ? firstSince(object, now) : now;
    ticks.apply(object);
    PipelineScheduleSpec spec = object.spec();
    Map<String, ClientTicks> added = new HashMap<>();
    List<ClientDecision> rows = new ArrayList<>();
    List<Work> changed = new ArrayList<>();
    Set<String> listed = new HashSet<>();
    for (ScheduleClient client : spec.clients()) {
      listed.add(client.id());
      switch (ClientRules.of(spec, client)) {
        case ClientRules.Invalid(Problem problem) ->
            ticks
                .client(client.id())
                .ifPresentOrElse(
                    known -> ticks.put(known.with(problem)),
                    () -> ticks.putUnusable(client.id(), problem));
        case ClientRules.Valid(TickRules rules, String json) -> {
          Optional<ClientTicks> before = ticks.stored(client.id(), rules);
          if (before.isEmpty()) {
            added.put(client.id(), ClientTicks.of(client.id(), since, rules, json));
            String stored = ClientRules.stored(rules, json, since);
            rows.add(row(client.id(), Optional.empty(), since, Optional.of(stored)));
          } else {
            ClientTicks known = before.get().withoutProblem();
            ticks.put(known);
            if (!known.json().equals(json)) {
              changed.add(new Work(known, rules, json));
            }
          }
        }
      }
    }
    rows.addAll(removed(ticks, listed, now));
    return write(ticks, rows, added) && runner.decide(ticks, object, changed, now);
  }

  /**
   * Where the clients of a schedule without rows begin. If the status shows a cron time, the ledger
   * was lost. Otherwise an unchanged object was created while no operator ran, and a changed one
   * had no crons before.
   */
  private static Instant firstSince(ScheduleObject schedule, Instant now) {
    Instant created = schedule.generation() == 1 ? schedule.createdAt() : now;
    Instant since = schedule.lastTickTime().orElse(created);
    return since.isBefore(now) ? since : now;
  }

  private static List<ClientDecision> removed(
      ScheduleTicks ticks, Set<String> listed, Instant now) {
    List<ClientDecision> rows = new ArrayList<>();
    for (ClientTicks client : List.copyOf(ticks.clients())) {
      String id = client.id();
      if (!listed.contains(id)) {
        Instant since = client.decidedUntil();
        rows.add(row(id, Optional.of(since), Instants.later(now, since), Optional.empty()));
        ticks.remove(id);
      }
    }
    return rows;
  }

  private static ClientDecision row(
      String client, Optional<Instant> from, Instant until, Optional<String> rules) {
    return new ClientDecision(client, from, until, rules, List.of(), List.of());
  }

  private boolean write(
      ScheduleTicks ticks, List<ClientDecision> rows, Map<String, ClientTicks> added) {
    List<TickAnswer> answers =
        rows.isEmpty() ? List.of() : ledger.schedules().decide(ticks.key(), cluster, rows);
    boolean upToDate = true;
    for (int i = 0; i < answers.size(); i++) {
      Optional<ClientTicks> first = Optional.ofNullable(added.get(rows.get(i).client()));
      switch (answers.get(i)) {
        case TickAnswer.Decided _ -> first.ifPresent(ticks::put);
        case TickAnswer.Refused(String message) ->
            first.ifPresent(
                c -> ticks.putUnusable(c.id(), ClientDecisions.invalid(c.id(), message)));
        case TickAnswer.Stale _, TickAnswer.NotOwner _, TickAnswer.NameTaken _ -> upToDate = false;
      }
    }
    return upToDate;
  }
}
