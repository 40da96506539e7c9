/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import io.luigioperator.ledger.Transactions.Opening;
import io.luigioperator.ledger.Transactions.Outcome;
import java.time.Duration;
import java.util.Optional;
import org.jdbi.v3.core.Handle;

/** The clusters that use the ledger, and the identity that each cluster id belongs to. */
final class Clusters implements ClusterLedger {

  /**
   * The registration of a cluster id.
   *
   * @param expired whether its last heartbeat is older than the caller allows
   */
  private record Registration(String identity, boolean expired) {}

  /** The only change that is made while the barrier is raised. */
  private static final Opening HEARTBEAT =
      Opening.withoutBarrier(
          """
          INSERT INTO cluster (cluster_id, identity, seen_at)
          VALUES (:id, :identity, UTC_TIMESTAMP(6))
          ON DUPLICATE KEY UPDATE
            seen_at = IF(identity = :identity, UTC_TIMESTAMP(6), seen_at)
          """,
          "SELECT identity FROM cluster WHERE cluster_id = :id FOR UPDATE");

  private static final Opening TAKE_OVER =
      Opening.of(
          """
          SELECT identity,
            seen_at <= UTC_TIMESTAMP(6) - INTERVAL :silence MICROSECOND AS expired
          FROM cluster WHERE cluster_id = :id FOR UPDATE
          """);

  private static final Statements REPLACE =
      Statements.of(
          """
          UPDATE cluster SET identity = :identity, seen_at = UTC_TIMESTAMP(6)
          WHERE cluster_id = :id
          """,
          "DELETE FROM run_object WHERE cluster_id = :id");

  private final Transactions transactions;

  Clusters(Transactions transactions) {
    this.transactions = transactions;
  }

  @Override
  public String heartbeat(String clusterId, String identity) {
    return transactions.write(
        "heartbeat of cluster " + clusterId,
        HEARTBEAT,
        q -> q.bind("id", clusterId).bind("identity", identity),
        (h, found) ->
            Outcome.repeatable(found.first(row -> row.getString("identity")).orElseThrow()));
  }

  /** A repetition finds the new identity and keeps the objects that were recorded since. */
  @Override
  public boolean takeOver(String clusterId, String identity, Duration silence) {
    return transactions.write(
        "takeover of cluster " + clusterId,
        TAKE_OVER,
        q -> q.bind("id", clusterId).bind("silence", silence.toNanos() / 1000),
        (h, found) ->
            takeOver(
                h,
                found.first(
                    row -> new Registration(row.getString("identity"), row.getBoolean("expired"))),
                clusterId,
                identity));
  }

  private static Outcome<Boolean> takeOver(
      Handle h, Optional<Registration> known, String clusterId, String identity) {
    if (known.filter(k -> k.identity().equals(identity)).isPresent()) {
      return Outcome.unchanged(true);
    }
    if (known.filter(Registration::expired).isEmpty()) {
      return Outcome.unchanged(false);
    }
    REPLACE.run(h, q -> q.bind("id", clusterId).bind("identity", identity));
    return Outcome.repeatable(true);
  }
}
