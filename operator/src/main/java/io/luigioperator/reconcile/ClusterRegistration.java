/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.luigioperator.job.Annotations;
import io.luigioperator.ledger.ClusterLedger.RegisteredCluster;
import io.luigioperator.ledger.ClusterLedger.Registration;
import io.luigioperator.ledger.Ledger;
import io.luigioperator.run.ClusterIdentity;
import io.luigioperator.run.Limits;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Registers this cluster in the ledger and renews the registration with a heartbeat. A cluster id
 * stays with the cluster that registered it: a second one with the same id would not find the pods
 * of the first and would conclude that they are lost. Only a person can tell that a cluster is
 * dead, and retires it.
 *
 * @param shared whether other clusters may use the ledger too
 * @param retired reads the UIDs of the clusters that a person has declared dead; live
 */
public record ClusterRegistration(
    Ledger ledger, ClusterIdentity identity, boolean shared, Supplier<Set<String>> retired) {

  private static final Logger LOG = LoggerFactory.getLogger(ClusterRegistration.class);

  /**
   * How long after its last heartbeat a cluster counts as silent. Other clusters may then abandon
   * its claims, and a person may retire it.
   */
  static final Duration EXPIRY = Limits.DEFAULT.claimTtl();

  /**
   * Registers this cluster, or renews its registration.
   *
   * @return why it may not use the ledger, and what to do; empty if it is registered
   */
  public Optional<String> renew() {
    return switch (ledger.clusters().register(identity, shared)) {
      case Registration.Registered() -> Optional.empty();
      case Registration.IdInUse(RegisteredCluster by) ->
          Optional.of(
              "the cluster id \"%s\" belongs to another Kubernetes cluster (UID of kube-system: %s, last heartbeat %d s ago): give this cluster a clusterId of its own. %s"
                  .formatted(
                      identity.clusterId(),
                      ClusterIdentity.uidOf(by.identity()),
                      by.secondsSinceSeen(),
                      howToRetire("If the other cluster no longer exists", by)));
      case Registration.IdChanged(RegisteredCluster before) ->
          Optional.of(
              "this Kubernetes cluster is registered in the ledger as \"%s\": set clusterId to it"
                  .formatted(ClusterIdentity.clusterIdOf(before.identity())));
      case Registration.NotShared(RegisteredCluster with) ->
          Optional.of(
              "the cluster \"%s\" uses this ledger (last heartbeat %d s ago): use another database, or set sharedLedger to true in every cluster, which means that their users trust each other. %s"
                  .formatted(
                      ClusterIdentity.clusterIdOf(with.identity()),
                      with.secondsSinceSeen(),
                      howToRetire("If that cluster no longer exists", with)));
      case Registration.Retired() ->
          Optional.of(
              "this cluster (\"%s\") was retired, and its attempts were ended: to use it again, stop all its pods, remove its UID from the annotation %s, and set retired_at of its row in the table cluster to NULL"
                  .formatted(identity.clusterId(), Annotations.RETIRED_CLUSTERS));
    };
  }

  private static String howToRetire(String condition, RegisteredCluster dead) {
    return ("%s, retire it: kubectl annotate --overwrite namespace NAMESPACE_OF_THE_OPERATOR"
            + " %s=%s")
        .formatted(condition, Annotations.RETIRED_CLUSTERS, ClusterIdentity.uidOf(dead.identity()));
  }

  /** Retires the clusters that a person has declared dead, unless they send heartbeats. */
  public void retireDeclared() {
    for (String uid : retired.get()) {
      if (uid.equals(identity.uid())) {
        LOG.atError()
            .addKeyValue("cluster", identity.clusterId())
            .log("the annotation " + Annotations.RETIRED_CLUSTERS + " names this cluster; ignored");
        continue;
      }
      ledger
          .clusters()
          .retire(uid, EXPIRY)
          .ifPresent(
              dead ->
                  LOG.atWarn()
                      .addKeyValue("cluster", dead.identity())
                      .addKeyValue("secondsSinceHeartbeat", dead.secondsSinceSeen())
                      .log("a person has retired this cluster; its attempts are ended"));
    }
  }
}
