/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import java.time.Duration;

/** The clusters that use this ledger. */
public interface ClusterLedger {

  /**
   * Records that this cluster is alive. A new cluster is entered with this identity; nothing is
   * written if the name belongs to another identity.
   *
   * @param identity UID of its kube-system namespace
   * @return the identity on record; another one means that the cluster was rebuilt, or that two
   *     clusters use one name
   */
  String heartbeat(String clusterId, String identity);

  /**
   * Gives the name of a cluster whose last heartbeat is at least {@code silence} old to this one,
   * and deletes the object records of the old one, in one commit.
   *
   * @return whether the name now belongs to this cluster
   */
  boolean takeOver(String clusterId, String identity, Duration silence);
}
