/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import io.luigioperator.run.ClusterIdentity;
import java.time.Duration;
import java.util.Optional;

/** The clusters that use this ledger. */
public interface ClusterLedger {

  /** The answer to a registration. */
  sealed interface Registration {
    /** The cluster is registered, and its heartbeat is recorded. */
    record Registered() implements Registration {}

    /** Another cluster has this cluster id and is not retired. */
    record IdInUse(RegisteredCluster by) implements Registration {}

    /** This cluster is registered under another cluster id and that one is not retired. */
    record IdChanged(RegisteredCluster before) implements Registration {}

    /** Another cluster uses this ledger, and not both of them allow that. */
    record NotShared(RegisteredCluster with) implements Registration {}

    /** A person has declared this cluster dead. */
    record Retired() implements Registration {}
  }

  /**
   * @param identity see {@link ClusterIdentity#value}
   * @param secondsSinceSeen age of its last heartbeat, in seconds
   */
  record RegisteredCluster(String identity, long secondsSinceSeen) {}

  /**
   * Registers the cluster if it is new, and records its heartbeat. Nothing is written if it may not
   * use the ledger.
   *
   * @param shared whether other clusters may use the ledger too; of two clusters, both must allow
   *     it, or the one that was registered later is refused
   */
  Registration register(ClusterIdentity identity, boolean shared);

  /**
   * Declares a cluster dead. From then on it may not claim, and its live attempts end, so that
   * their keys are free again.
   *
   * @param uid of its namespace kube-system
   * @param silence a cluster whose last heartbeat is not as old is alive and is not retired
   * @return the cluster; empty if it is unknown, retired before, or alive
   */
  Optional<RegisteredCluster> retire(String uid, Duration silence);
}
