/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

/**
 * Whether missing objects mean that users deleted them. A few at a time do; many at once look like
 * a lost namespace, a restored etcd or a wrong cluster, and then nothing is concluded.
 */
public final class DeletionRule {

  private static final int ALWAYS_BELIEVED = 10;
  private static final int BELIEVED_PERCENT = 20;

  private DeletionRule() {}

  /**
   * Whether so many are gone that a person must look.
   *
   * @param recorded how many objects this cluster has on record for runs that have not ended
   * @param gone those of them that a live read no longer found
   */
  public static boolean isMass(int recorded, int gone) {
    return gone > Math.max(ALWAYS_BELIEVED, recorded * BELIEVED_PERCENT / 100);
  }
}
