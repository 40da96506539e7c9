/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import io.luigioperator.ledger.BackfillLedger.Backfill;
import io.luigioperator.ledger.BackfillLedger.State;
import io.luigioperator.run.ScheduleKey;
import io.luigioperator.run.Sha256;
import io.luigioperator.schedule.BackfillCursor.Position;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Optional;
import org.jdbi.v3.core.statement.Query;

/** Maps the rows of the tables {@code backfill} and {@code backfill_run}. */
final class BackfillRows {

  private static final String COLUMNS =
      """
      b.name, b.definition, b.state, b.last_date, b.last_client, b.skipped, b.succeeded, b.failed,
        (SELECT COUNT(*) FROM backfill_run o WHERE o.backfill_id = b.backfill_id) AS active
      """;

  /** Two queries, because no index serves both conditions. */
  static final String OF_SCHEDULE =
      """
      SELECT %1$s FROM backfill b WHERE b.open_schedule = :schedule
      UNION
      SELECT %1$s FROM backfill b WHERE b.backfill_id IN (<backfills>)
      """
          .formatted(COLUMNS);

  static final String LOCKED =
      "SELECT " + COLUMNS + " FROM backfill b WHERE b.backfill_id = :backfill FOR UPDATE";

  static final String OPEN_RUNS =
      """
      SELECT r.namespace, r.name, r.run_id, r.state FROM backfill_run o
      JOIN run r ON r.run_id = o.run_id WHERE o.backfill_id = :backfill ORDER BY o.run_id
      """;

  static final String UPDATE =
      """
      UPDATE backfill SET state = :state, last_date = :date, last_client = :client,
        skipped = :skipped, succeeded = :succeeded, failed = :failed,
        ended_at = IF(:ended, UTC_TIMESTAMP(6), NULL)
      WHERE backfill_id = :backfill
      """;

  private BackfillRows() {}

  /** The primary key: 32 hex digits of SHA-256. */
  static String id(ScheduleKey schedule, String name) {
    return Sha256.hex(schedule + "/" + name).substring(0, 32);
  }

  static Backfill backfill(ResultSet row) throws SQLException {
    String date = row.getString("last_date");
    String client = row.getString("last_client");
    return new Backfill(
        row.getString("name"),
        row.getString("definition"),
        Rows.known(State.class, "backfill.state", row.getString("state")),
        date == null || client == null ? Optional.empty() : Optional.of(new Position(date, client)),
        row.getLong("skipped"),
        row.getLong("active"),
        row.getLong("succeeded"),
        row.getLong("failed"));
  }

  /** For {@link #UPDATE}; {@code active} is counted, not stored. */
  static Query bind(Query q, ScheduleKey schedule, Backfill backfill) {
    return q.bind("backfill", id(schedule, backfill.name()))
        .bind("state", backfill.state().name())
        .bind("ended", backfill.state().isFinal())
        .bind("date", backfill.position().map(Position::date))
        .bind("client", backfill.position().map(Position::client))
        .bind("skipped", backfill.skipped())
        .bind("succeeded", backfill.succeeded())
        .bind("failed", backfill.failed());
  }
}
