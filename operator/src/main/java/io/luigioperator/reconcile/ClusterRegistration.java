/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.luigioperator.ledger.Ledger;
import io.luigioperator.run.Limits;
import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Registers the cluster id in the ledger and renews the registration with a heartbeat. Only one
 * cluster may use an id, because attempts are assigned by it: a second cluster with the same id
 * would not find the pods of the first one and would conclude that they are lost. A cluster that
 * was rebuilt takes over its id once the registration of the old one has expired.
 *
 * @param identity UID of the kube-system namespace of this cluster, as read at the start
 */
public record ClusterRegistration(Ledger ledger, String clusterId, String identity) {

  private static final Logger LOG = LoggerFactory.getLogger(ClusterRegistration.class);

  /**
   * How long after its last heartbeat the registration of a cluster expires. Other clusters may
   * then take over its id and abandon its claims.
   */
  static final Duration EXPIRY = Limits.DEFAULT.claimTtl();

  /**
   * Registers the cluster id, or renews its registration.
   *
   * @return false if another cluster uses the id and its registration has not expired
   */
  public boolean renew() {
    if (ledger.clusters().heartbeat(clusterId, identity).equals(identity)) {
      return true;
    }
    boolean takenOver = ledger.clusters().takeOver(clusterId, identity, EXPIRY);
    if (takenOver) {
      LOG.atWarn()
          .addKeyValue("cluster", clusterId)
          .log(
              "took over the cluster id of a cluster that was rebuilt; its objects are no longer on"
                  + " record");
    }
    return takenOver;
  }

  /** What to do if another cluster uses the id. */
  public String conflict() {
    return ("another Kubernetes cluster uses the cluster id \"%s\" in this database and has sent a"
            + " heartbeat within the last %d s: give each cluster a clusterId of its own")
        .formatted(clusterId, EXPIRY.toSeconds());
  }
}
