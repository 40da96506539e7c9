/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

/**
 * What attempts and objects in the ledger belong to: a cluster id and the cluster that it was given
 * to. With the id alone, another cluster that is configured with the same one would not find the
 * pods of the first and conclude that they are lost.
 *
 * @param clusterId the name for people, a DNS label
 * @param uid of the namespace kube-system, which no two clusters have in common
 */
public record ClusterIdentity(String clusterId, String uid) {

  private static final char SEPARATOR = '/';

  /** As it is stored in the ledger. */
  public String value() {
    return clusterId + SEPARATOR + uid;
  }

  /** The part of a stored identity that people know. */
  public static String clusterIdOf(String value) {
    int end = value.indexOf(SEPARATOR);
    return end < 0 ? value : value.substring(0, end);
  }

  /** The part of a stored identity that differs in every cluster. */
  public static String uidOf(String value) {
    return value.substring(value.indexOf(SEPARATOR) + 1);
  }
}
