/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.luigioperator.ledger.ScheduleLedger;
import io.luigioperator.ledger.ScheduleLedger.ScheduledClient;
import io.luigioperator.run.ScheduleKey;
import io.luigioperator.schedule.ClientRules;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Reads the clients of a schedule from the ledger. */
final class StoredTicks {

  private static final Logger LOG = LoggerFactory.getLogger(StoredTicks.class);

  private static final int PAGE = 1_000;

  private StoredTicks() {}

  static ScheduleTicks read(ScheduleLedger ledger, ScheduleKey key) {
    List<ScheduledClient> rows = rows(ledger, key);
    ScheduleTicks ticks = new ScheduleTicks(key, rows.isEmpty());
    Map<String, ClientRules.Stored> parsed = new HashMap<>();
    for (ScheduledClient row : rows) {
      row.rules().ifPresent(json -> put(ticks, row, json, parsed));
    }
    return ticks;
  }

  private static List<ScheduledClient> rows(ScheduleLedger ledger, ScheduleKey schedule) {
    List<ScheduledClient> rows = new ArrayList<>();
    List<ScheduledClient> page;
    do {
      Optional<String> after =
          rows.isEmpty() ? Optional.empty() : Optional.of(rows.getLast().client());
      page = ledger.clients(schedule, after, PAGE);
      rows.addAll(page);
    } while (page.size() == PAGE);
    return rows;
  }

  private static void put(
      ScheduleTicks ticks,
      ScheduledClient row,
      String json,
      Map<String, ClientRules.Stored> parsed) {
    try {
      ClientRules.Stored stored = parsed.computeIfAbsent(json, ClientRules::read);
      ticks.put(ClientTicks.of(row.client(), row.decidedUntil(), stored));
    } catch (IllegalArgumentException e) {
      LOG.atWarn()
          .addKeyValue("schedule", ticks.key())
          .addKeyValue("client", row.client())
          .addKeyValue("error", e.getMessage())
          .log("the stored rules of this client cannot be read; its present ones are used instead");
      ticks.putUnreadable(row.client(), row.decidedUntil(), json);
    }
  }
}
