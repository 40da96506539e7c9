/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import io.luigioperator.ledger.ScheduleLedger.ClientDecision;
import io.luigioperator.ledger.ScheduleLedger.ScheduledClient;
import io.luigioperator.ledger.ScheduleLedger.Tick;
import io.luigioperator.run.ScheduleKey;
import io.luigioperator.run.Sha256;
import io.luigioperator.schedule.TickGap;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.jdbi.v3.core.statement.Query;

/** Maps the rows of the tables {@code schedule_client}, {@code tick} and {@code tick_gap}. */
final class TickRows {

  /**
   * A row of {@code tick}.
   *
   * @param backfill that runs the date again; empty for its first run
   * @param reason empty if FIRED
   * @param cronTime the cron time that led to the decision; empty if a backfill did
   * @param cronTimes how many cron times belonged to the date
   * @param runId empty unless FIRED
   */
  record TickRow(
      String id,
      String client,
      String businessDate,
      String backfill,
      String reason,
      Optional<Instant> cronTime,
      long cronTimes,
      Optional<String> runId,
      Instant decidedAt) {

    private static final String FIRED = "FIRED";
    private static final String SKIPPED = "SKIPPED";

    boolean isFired() {
      return runId.isPresent();
    }

    /** The row after another cron time of the same date. FIRED is final. */
    TickRow and(Tick tick, Instant now) {
      if (isFired()) {
        return new TickRow(
            id, client, businessDate, backfill, reason, cronTime, cronTimes + 1, runId, decidedAt);
      }
      return new TickRow(
          id,
          client,
          businessDate,
          backfill,
          tick.reason(),
          Optional.of(tick.cronTime()),
          cronTimes + 1,
          tick.run().map(run -> run.key().id()),
          now);
    }

    static TickRow of(ScheduleKey schedule, String client, Tick tick, Instant now) {
      return new TickRow(
          TickRows.id(schedule, client, tick.businessDate(), ""),
          client,
          tick.businessDate(),
          "",
          tick.reason(),
          Optional.of(tick.cronTime()),
          1,
          tick.run().map(run -> run.key().id()),
          now);
    }
  }

  private static final List<String> TICK =
      List.of(
          "tick_id",
          "schedule_id",
          "client",
          "business_date",
          "backfill",
          "decision",
          "reason",
          "cron_time",
          "cron_times",
          "run_id",
          "decided_at");

  static final String READ_TICKS =
      """
      SELECT tick_id, client, business_date, backfill, reason, cron_time, cron_times, run_id, decided_at
      FROM tick WHERE tick_id IN (<ticks>)
      """;

  private static final List<String> GAP =
      List.of(
          "schedule_id", "client", "first_time", "last_time", "cron_times", "reason", "decided_at");

  private static final List<String> CLIENT =
      List.of("schedule_id", "client", "decided_until", "rules", "cron_times");

  private TickRows() {}

  /** The primary key: 32 hex digits of SHA-256. */
  static String id(ScheduleKey schedule, String client, String businessDate, String backfill) {
    String key = schedule + "/" + client + "/" + businessDate;
    return Sha256.hex(backfill.isEmpty() ? key : key + "/" + backfill).substring(0, 32);
  }

  static ScheduledClient client(ResultSet row) throws SQLException {
    return new ScheduledClient(
        row.getString("client"),
        Rows.time(row, "decided_until").orElseThrow(),
        Optional.ofNullable(row.getString("rules")));
  }

  static TickRow tick(ResultSet row) throws SQLException {
    return new TickRow(
        row.getString("tick_id"),
        row.getString("client"),
        row.getString("business_date"),
        row.getString("backfill"),
        row.getString("reason"),
        Rows.time(row, "cron_time"),
        row.getLong("cron_times"),
        Optional.ofNullable(row.getString("run_id")),
        Rows.time(row, "decided_at").orElseThrow());
  }

  /** All columns are written: the rows of a client change only while its row is locked. */
  static String upsertTicks(List<String> prefixes) {
    return Rows.insert("tick", TICK, prefixes)
        + """
         ON DUPLICATE KEY UPDATE decision = VALUES(decision), reason = VALUES(reason),
          cron_time = VALUES(cron_time), cron_times = VALUES(cron_times), run_id = VALUES(run_id),
          decided_at = VALUES(decided_at)
        """;
  }

  static String insertGaps(List<String> prefixes) {
    return Rows.insert("tick_gap", GAP, prefixes);
  }

  static String insertClients(List<String> prefixes) {
    return Rows.insert("schedule_client", CLIENT, prefixes);
  }

  static String updateClients(List<String> prefixes) {
    return insertClients(prefixes)
        + """
         ON DUPLICATE KEY UPDATE decided_until = VALUES(decided_until), rules = VALUES(rules),
          cron_times = schedule_client.cron_times + VALUES(cron_times)
        """;
  }

  static Query bind(Query q, String prefix, ScheduleKey schedule, TickRow tick) {
    return q.bind(prefix + "tick_id", tick.id())
        .bind(prefix + "schedule_id", schedule.id())
        .bind(prefix + "client", tick.client())
        .bind(prefix + "business_date", tick.businessDate())
        .bind(prefix + "backfill", tick.backfill())
        .bind(prefix + "decision", tick.isFired() ? TickRow.FIRED : TickRow.SKIPPED)
        .bind(prefix + "reason", tick.reason())
        .bind(prefix + "cron_time", tick.cronTime())
        .bind(prefix + "cron_times", tick.cronTimes())
        .bind(prefix + "run_id", tick.runId())
        .bind(prefix + "decided_at", tick.decidedAt());
  }

  static Query bind(
      Query q, String prefix, ScheduleKey schedule, String client, TickGap gap, Instant now) {
    return q.bind(prefix + "schedule_id", schedule.id())
        .bind(prefix + "client", client)
        .bind(prefix + "first_time", gap.from())
        .bind(prefix + "last_time", gap.to())
        .bind(prefix + "cron_times", gap.count())
        .bind(prefix + "reason", gap.reason().name())
        .bind(prefix + "decided_at", now);
  }

  static Query bind(Query q, String prefix, ScheduleKey schedule, ClientDecision decision) {
    return q.bind(prefix + "schedule_id", schedule.id())
        .bind(prefix + "client", decision.client())
        .bind(prefix + "decided_until", decision.until())
        .bind(prefix + "rules", decision.rules())
        .bind(prefix + "cron_times", decision.cronTimes());
  }
}
