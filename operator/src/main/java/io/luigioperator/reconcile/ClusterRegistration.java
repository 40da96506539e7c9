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
 * The name of this cluster in the ledger, kept by saying so again and again. One cluster has it at
 * a time: whose attempts are whose is told by it, so two clusters of one name would take each
 * other's pods for lost. A cluster that was rebuilt gets the name once the old one is silent.
 *
 * @param identity UID of this cluster's kube-system namespace, as read at start
 */
public record ClusterRegistration(Ledger ledger, String clusterId, String identity) {

  private static final Logger LOG = LoggerFactory.getLogger(ClusterRegistration.class);

  /** After so long without a word of a cluster others take over its name and its claims. */
  static final Duration SILENCE = Limits.DEFAULT.claimTtl();

  /** Says that this cluster is alive; false when the name is another's, who is alive. */
  public boolean renew() {
    if (ledger.clusters().heartbeat(clusterId, identity).equals(identity)) {
      return true;
    }
    boolean takenOver = ledger.clusters().takeOver(clusterId, identity, SILENCE);
    if (takenOver) {
      LOG.atWarn()
          .addKeyValue("cluster", clusterId)
          .log("this cluster was rebuilt: the objects of the old one are forgotten");
    }
    return takenOver;
  }

  /** What to do about a name that is another's. */
  public String conflict() {
    return "another Kubernetes cluster uses the name \"%s\" in this database and was heard of within the last %d s: give each cluster a clusterId of its own"
        .formatted(clusterId, SILENCE.toSeconds());
  }
}
