/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import io.luigioperator.ledger.Transactions.Outcome;
import java.time.Duration;
import java.util.Optional;
import org.jdbi.v3.core.Handle;

/** What clusters say about themselves. */
final class Clusters implements ClusterLedger {

  private final Transactions transactions;

  Clusters(Transactions transactions) {
    this.transactions = transactions;
  }

  /** The only change that a raised barrier lets through. */
  @Override
  public String heartbeat(String clusterId, String identity) {
    return transactions.write(
        "heartbeat of cluster " + clusterId,
        h -> {
          h.createUpdate(
                  """
                  INSERT INTO cluster (cluster_id, identity, seen_at)
                  VALUES (:id, :identity, UTC_TIMESTAMP(6))
                  ON DUPLICATE KEY UPDATE
                    seen_at = IF(identity = :identity, UTC_TIMESTAMP(6), seen_at)
                  """)
              .bind("id", clusterId)
              .bind("identity", identity)
              .execute();
          return Outcome.repeatable(identityOf(h, clusterId).orElseThrow());
        });
  }

  /** A repetition finds the identity there and leaves the objects recorded since alone. */
  @Override
  public boolean takeOver(String clusterId, String identity, Duration silence) {
    return transactions.write(
        "adoption of cluster " + clusterId,
        h -> {
          Locks.barrier(h);
          Optional<String> before = identityOf(h, clusterId);
          if (before.filter(identity::equals).isPresent()) {
            return Outcome.unchanged(true);
          }
          int given =
              h.createUpdate(
                      """
                      UPDATE cluster SET identity = :identity, seen_at = UTC_TIMESTAMP(6)
                      WHERE cluster_id = :id
                        AND seen_at <= UTC_TIMESTAMP(6) - INTERVAL :silence MICROSECOND
                      """)
                  .bind("identity", identity)
                  .bind("id", clusterId)
                  .bind("silence", silence.toNanos() / 1000)
                  .execute();
          if (given == 0) {
            return Outcome.unchanged(false);
          }
          h.createUpdate("DELETE FROM run_object WHERE cluster_id = :id")
              .bind("id", clusterId)
              .execute();
          return Outcome.repeatable(true);
        });
  }

  private static Optional<String> identityOf(Handle h, String clusterId) {
    return h.createQuery("SELECT identity FROM cluster WHERE cluster_id = :id FOR UPDATE")
        .bind("id", clusterId)
        .mapTo(String.class)
        .findOne();
  }
}
