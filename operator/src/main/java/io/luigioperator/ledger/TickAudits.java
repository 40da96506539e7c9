/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import io.luigioperator.ledger.LedgerMaintenance.TickAudit;
import io.luigioperator.ledger.LedgerMaintenance.TickCursor;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.statement.Query;

/**
 * Compares the ticks of clients with what their rows say. Each check of a page is one statement, so
 * that a decision that is committed meanwhile is seen as a whole or not at all.
 */
final class TickAudits {

  /** Business dates that one audit reads; a client with more of its own is left out. */
  static final int MAX_DATES = 100_000;

  /** The clients after a cursor; two ranges of the primary key, because it has two columns. */
  private static final String NEXT =
      """
      ((SELECT schedule_id, client, cron_times FROM schedule_client
          WHERE schedule_id = :schedule AND client > :client ORDER BY client LIMIT :limit)
        UNION ALL
        (SELECT schedule_id, client, cron_times FROM schedule_client
          WHERE schedule_id > :schedule ORDER BY schedule_id, client LIMIT :limit)
        ORDER BY schedule_id, client LIMIT :limit) AS c
      """;

  private static final String IN_GAPS =
      """
      (SELECT COALESCE(SUM(g.cron_times), 0) FROM tick_gap g
        WHERE g.schedule_id = c.schedule_id AND g.client = c.client)\
      """;

  /** With the number of business dates at most, as each has at least one cron time. */
  static final String PAGE =
      "SELECT c.schedule_id, c.client, c.cron_times - %s AS dates FROM %s".formatted(IN_GAPS, NEXT)
          + "ORDER BY c.schedule_id, c.client";

  /** Of one client. */
  static final String CHECK =
      """
      SELECT s.namespace, s.name, c.cron_times,
        (SELECT COALESCE(SUM(t.cron_times), 0) FROM tick t
          WHERE t.schedule_id = c.schedule_id AND t.client = c.client) + %s AS accounted,
        (SELECT COUNT(t.run_id) - COUNT(DISTINCT IF(t.run_id IS NULL, NULL, t.business_date))
          FROM tick t WHERE t.schedule_id = c.schedule_id AND t.client = c.client
            AND t.backfill = '') AS doubled,
        (SELECT COUNT(*) FROM tick t LEFT JOIN run r ON r.run_id = t.run_id
          WHERE t.schedule_id = c.schedule_id AND t.client = c.client AND t.decision = 'FIRED'
            AND (r.run_id IS NULL OR r.namespace <> s.namespace OR r.schedule <> s.name
              OR r.client <> t.client OR r.business_date <> t.business_date)) AS without_run
      FROM schedule_client c JOIN schedule s ON s.schedule_id = c.schedule_id
      WHERE c.schedule_id = :schedule AND c.client = :client
      """
          .formatted(IN_GAPS);

  private record Client(TickCursor cursor, long dates) {}

  private record Check(
      String schedule, long cronTimes, long accounted, long doubled, long withoutRun) {

    boolean isBroken() {
      return cronTimes != accounted || doubled != 0 || withoutRun != 0;
    }
  }

  private final Transactions transactions;
  private final Invariants invariants;

  TickAudits(Transactions transactions, Invariants invariants) {
    this.transactions = transactions;
    this.invariants = invariants;
  }

  TickAudit audit(Optional<TickCursor> after, int limit) {
    List<Client> page =
        transactions.read(
            "audit of ticks", h -> page(h, after.orElse(new TickCursor("", "")), limit));
    List<TickCursor> broken = new ArrayList<>();
    Optional<TickCursor> last = Optional.empty();
    long dates = 0;
    for (Client client : page) {
      if (client.dates() <= MAX_DATES) {
        if (dates + client.dates() > MAX_DATES) {
          return new TickAudit(broken, last); // the next audit begins with this client
        }
        dates += client.dates();
        check(client.cursor()).filter(Check::isBroken).ifPresent(c -> broken.add(client.cursor()));
      }
      last = Optional.of(client.cursor());
    }
    return new TickAudit(broken, page.size() < limit ? Optional.empty() : last);
  }

  private static List<Client> page(Handle h, TickCursor after, int limit) {
    return bind(h.createQuery(PAGE), after)
        .bind("limit", limit)
        .map(
            (rs, ctx) ->
                new Client(
                    new TickCursor(rs.getString("schedule_id"), rs.getString("client")),
                    rs.getLong("dates")))
        .list();
  }

  private static Query bind(Query q, TickCursor client) {
    return q.bind("schedule", client.scheduleId()).bind("client", client.client());
  }

  private Optional<Check> check(TickCursor client) {
    Optional<Check> check =
        transactions.read(
            "audit of ticks",
            h -> bind(h.createQuery(CHECK), client).map((rs, ctx) -> check(rs)).findOne());
    check.ifPresent(c -> report(c, client.client()));
    return check;
  }

  private static Check check(ResultSet row) throws SQLException {
    return new Check(
        row.getString("namespace") + "/" + row.getString("name"),
        row.getLong("cron_times"),
        row.getLong("accounted"),
        row.getLong("doubled"),
        row.getLong("without_run"));
  }

  private void report(Check check, String client) {
    String about = "client %s of schedule %s".formatted(client, check.schedule());
    if (check.doubled() != 0 || check.withoutRun() != 0) {
      invariants.broken(
          "I6",
          about,
          "%d business dates with several runs, %d without their run"
              .formatted(check.doubled(), check.withoutRun()));
    }
    if (check.cronTimes() != check.accounted()) {
      invariants.broken(
          "I12",
          about,
          "%d cron times are decided, and %d are accounted for"
              .formatted(check.cronTimes(), check.accounted()));
    }
  }
}
