/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import java.time.Duration;

/** The clusters that use this ledger. A cluster id belongs to one identity at a time. */
public interface ClusterLedger {

  /**
   * Registers the cluster id for this identity if it is new, and records a heartbeat. Nothing is
   * written if the id belongs to another identity.
   *
   * @param identity UID of the kube-system namespace of the cluster
   * @return the identity that the id belongs to; another one means that the cluster was rebuilt, or
   *     that two clusters use one id
   */
  String heartbeat(String clusterId, String identity);

  /**
   * Gives the cluster id to this identity if the last heartbeat of the other one is at least {@code
   * silence} old, and deletes the object records of the other one, in one commit.
   *
   * @return whether the id now belongs to this identity
   */
  boolean takeOver(String clusterId, String identity, Duration silence);
}
