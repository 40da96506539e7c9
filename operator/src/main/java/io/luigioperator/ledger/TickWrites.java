/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import io.luigioperator.ledger.ScheduleLedger.ClientDecision;
import io.luigioperator.ledger.TickRows.TickRow;
import io.luigioperator.run.NewRun;
import io.luigioperator.run.Run;
import io.luigioperator.run.ScheduleKey;
import io.luigioperator.schedule.TickGap;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.statement.Query;

/** Everything that one transaction of ticks writes, in one packet. */
final class TickWrites {

  /**
   * What is written for one client.
   *
   * @param hasRow whether {@code schedule_client} has a row for it, which is locked
   * @param ticks the rows of business dates as they are afterwards
   * @param runs of the business dates that fire now
   */
  record Change(ClientDecision decision, boolean hasRow, List<TickRow> ticks, List<NewRun> runs) {}

  private record Gap(String client, TickGap gap) {}

  private final ScheduleKey schedule;
  private final List<Run> runs;
  private final List<TickRow> ticks;
  private final List<Gap> gaps;
  private final List<ClientDecision> newClients;
  private final List<ClientDecision> clients;
  private final Instant now;

  TickWrites(ScheduleKey schedule, List<Change> changes, List<Run> runs, Instant now) {
    this.schedule = schedule;
    this.runs = runs;
    this.ticks = changes.stream().flatMap(c -> c.ticks().stream()).toList();
    this.gaps =
        changes.stream()
            .map(Change::decision)
            .flatMap(d -> d.gaps().stream().map(gap -> new Gap(d.client(), gap)))
            .toList();
    this.newClients = decisions(changes, false);
    this.clients = decisions(changes, true);
    this.now = now;
  }

  private static List<ClientDecision> decisions(List<Change> changes, boolean withRow) {
    return changes.stream().filter(c -> c.hasRow() == withRow).map(Change::decision).toList();
  }

  void write(Handle h) {
    List<String> texts = new ArrayList<>();
    add(texts, runs, "r", Rows::insertRunsOfTicks);
    add(texts, ticks, "t", TickRows::upsertTicks);
    add(texts, gaps, "g", TickRows::insertGaps);
    add(texts, newClients, "n", TickRows::insertClients);
    add(texts, clients, "c", TickRows::updateClients);
    if (!runs.isEmpty()) {
      texts.add(RunTransactions.REFRESH_KEYS);
    }
    Statements.of(texts.toArray(String[]::new)).run(h, this::bind);
  }

  static void add(
      List<String> texts, List<?> rows, String letter, Function<List<String>, String> text) {
    if (!rows.isEmpty()) {
      texts.add(text.apply(NewRuns.prefixes(letter, rows.size())));
    }
  }

  private void bind(Query q) {
    for (int i = 0; i < runs.size(); i++) {
      String prefix = NewRuns.prefix("r", i);
      Rows.bind(q, prefix, runs.get(i)).bind(prefix + "tick_schedule", schedule.id());
    }
    for (int i = 0; i < ticks.size(); i++) {
      TickRows.bind(q, NewRuns.prefix("t", i), schedule, ticks.get(i));
    }
    for (int i = 0; i < gaps.size(); i++) {
      Gap gap = gaps.get(i);
      TickRows.bind(q, NewRuns.prefix("g", i), schedule, gap.client(), gap.gap(), now);
    }
    for (int i = 0; i < newClients.size(); i++) {
      TickRows.bind(q, NewRuns.prefix("n", i), schedule, newClients.get(i));
    }
    for (int i = 0; i < clients.size(); i++) {
      TickRows.bind(q, NewRuns.prefix("c", i), schedule, clients.get(i));
    }
    if (!runs.isEmpty()) {
      q.bindList("keys", runs.stream().map(run -> run.admitKey().value()).distinct().toList());
    }
  }
}
