/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import io.luigioperator.ledger.ScheduleLedger.ClientKey;
import io.luigioperator.run.DatedRun;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunState;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Reads the newest runs of clients: of each client one end of its range in the index {@code
 * run_dates}, all in one statement. A join with a list of clients would read all their runs.
 */
final class NewestRuns {

  private static final int MESSAGE = 256;

  /** A client by its place in the statement, and one of its runs. */
  private record Found(int client, DatedRun run) {}

  private NewestRuns() {}

  /** The statement for so many clients, with the values {@code namespace0}, {@code schedule0}... */
  static String text(int clients) {
    return IntStream.range(0, clients)
        .mapToObj(
            i ->
                """
                (SELECT %1$d AS n, namespace, name, business_date, state, reason, LEFT(message, %2$d) AS message,
                  finished_at
                FROM run FORCE INDEX (run_dates)
                WHERE namespace = :namespace%1$d AND schedule = :schedule%1$d AND client = :client%1$d
                  AND business_date > ''
                ORDER BY business_date DESC LIMIT :limit)
                """
                    .formatted(i, MESSAGE))
        .collect(Collectors.joining("UNION ALL "));
  }

  static Map<ClientKey, List<DatedRun>> read(
      Transactions transactions, RowFilter filter, List<ClientKey> clients, int limit) {
    Statements statement = Statements.of(text(clients.size()));
    List<Found> found =
        transactions.read(
            "newest runs of clients of schedules",
            h ->
                statement.run(
                    h,
                    q -> {
                      q.bind("limit", limit);
                      for (int i = 0; i < clients.size(); i++) {
                        ClientKey client = clients.get(i);
                        q.bind("namespace" + i, client.schedule().namespace())
                            .bind("schedule" + i, client.schedule().name())
                            .bind("client" + i, client.client());
                      }
                    },
                    results -> results.all(filter, NewestRuns::found)));
    Map<ClientKey, List<DatedRun>> runs = new HashMap<>();
    found.stream()
        .collect(Collectors.groupingBy(Found::client))
        .forEach((n, of) -> runs.put(clients.get(n), newestFirst(of)));
    return runs;
  }

  /** Sorted again: SQL promises no order of a UNION. */
  private static List<DatedRun> newestFirst(List<Found> found) {
    return found.stream()
        .map(Found::run)
        .sorted(Comparator.comparing(DatedRun::businessDate).reversed())
        .toList();
  }

  private static Found found(ResultSet row) throws SQLException {
    return new Found(
        row.getInt("n"),
        new DatedRun(
            row.getString("business_date"),
            new RunKey(row.getString("namespace"), row.getString("name")),
            Rows.known(RunState.class, "run.state", row.getString("state")),
            row.getString("reason"),
            row.getString("message"),
            Rows.time(row, "finished_at")));
  }
}
