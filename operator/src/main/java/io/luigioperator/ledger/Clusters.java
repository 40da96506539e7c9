/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import io.luigioperator.ledger.Transactions.CommitCheck;
import io.luigioperator.ledger.Transactions.Opening;
import io.luigioperator.ledger.Transactions.Outcome;
import io.luigioperator.run.ClusterIdentity;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.jdbi.v3.core.Handle;

/** The clusters that use the ledger. */
final class Clusters implements ClusterLedger {

  /**
   * A row of the table.
   *
   * @param earlier whether it was registered before the cluster that asks
   */
  private record Row(RegisteredCluster cluster, boolean shared, boolean retired, boolean earlier) {

    String clusterId() {
      return ClusterIdentity.clusterIdOf(cluster.identity());
    }

    String uid() {
      return ClusterIdentity.uidOf(cluster.identity());
    }
  }

  private static final String ALL_CLUSTERS =
      """
      SELECT c.cluster_identity, c.shared, c.retired_at IS NOT NULL AS retired,
        TIMESTAMPDIFF(SECOND, c.seen_at, UTC_TIMESTAMP(6)) AS silence,
        c.registered_at < COALESCE(
          (SELECT me.registered_at FROM cluster me WHERE me.cluster_identity = :identity),
          UTC_TIMESTAMP(6)) AS earlier
      FROM cluster c ORDER BY c.cluster_identity FOR UPDATE
      """;

  /** A heartbeat is also recorded while the barrier is raised. */
  private static final Opening REGISTER = Opening.withoutBarrier(ALL_CLUSTERS);

  private static final Opening RETIRE = Opening.of(ALL_CLUSTERS);

  private static final Statements SEEN =
      Statements.of(
          """
          INSERT INTO cluster (cluster_identity, shared, registered_at, seen_at)
          VALUES (:identity, :shared, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6))
          ON DUPLICATE KEY UPDATE seen_at = UTC_TIMESTAMP(6), shared = :shared
          """);

  private static final Statements SET_RETIRED =
      Statements.of(
          "UPDATE cluster SET retired_at = UTC_TIMESTAMP(6) WHERE cluster_identity = :identity");

  private static final Statements IS_RETIRED =
      Statements.of(
          """
          SELECT 1 FROM cluster WHERE cluster_identity = :identity AND retired_at IS NOT NULL
          LOCK IN SHARE MODE
          """);

  private final Transactions transactions;

  Clusters(Transactions transactions) {
    this.transactions = transactions;
  }

  @Override
  public Registration register(ClusterIdentity identity, boolean shared) {
    return transactions.write(
        "registration of cluster " + identity.clusterId(),
        REGISTER,
        q -> q.bind("identity", identity.value()),
        (h, found) -> register(h, found.all(Clusters::row), identity, shared));
  }

  private static Outcome<Registration> register(
      Handle h, List<Row> all, ClusterIdentity identity, boolean shared) {
    Optional<Registration> refusal = refusal(all, identity, shared);
    if (refusal.isPresent()) {
      return Outcome.unchanged(refusal.get());
    }
    SEEN.run(h, q -> q.bind("identity", identity.value()).bind("shared", shared));
    return Outcome.repeatable(new Registration.Registered());
  }

  private static Optional<Registration> refusal(
      List<Row> all, ClusterIdentity identity, boolean shared) {
    for (Row row : all) {
      boolean same = row.cluster().identity().equals(identity.value());
      if (row.retired()) {
        if (same) {
          return Optional.of(new Registration.Retired());
        }
      } else if (!same && row.uid().equals(identity.uid())) {
        return Optional.of(new Registration.IdChanged(row.cluster()));
      } else if (!same && row.clusterId().equals(identity.clusterId())) {
        return Optional.of(new Registration.IdInUse(row.cluster()));
      } else if (!same && row.earlier() && !(shared && row.shared())) {
        return Optional.of(new Registration.NotShared(row.cluster()));
      }
    }
    return Optional.empty();
  }

  private static Row row(ResultSet row) throws SQLException {
    return new Row(
        new RegisteredCluster(row.getString("cluster_identity"), row.getLong("silence")),
        row.getBoolean("shared"),
        row.getBoolean("retired"),
        row.getBoolean("earlier"));
  }

  @Override
  public Optional<RegisteredCluster> retire(String uid, Duration silence) {
    return transactions.write(
        "retirement of cluster " + uid,
        RETIRE,
        q -> q.bind("identity", ""),
        (h, found) -> {
          Optional<RegisteredCluster> dead =
              found.all(Clusters::row).stream()
                  .filter(row -> row.uid().equals(uid) && !row.retired())
                  .map(Row::cluster)
                  .filter(c -> c.secondsSinceSeen() >= silence.toSeconds())
                  .findFirst();
          dead.ifPresent(c -> SET_RETIRED.run(h, q -> q.bind("identity", c.identity())));
          return dead.isPresent()
              ? Outcome.changed(dead, retired(dead.get().identity()))
              : Outcome.unchanged(dead);
        });
  }

  private static CommitCheck retired(String identity) {
    return h ->
        IS_RETIRED
            .run(h, q -> q.bind("identity", identity), found -> found.first(row -> true))
            .isPresent();
  }
}
