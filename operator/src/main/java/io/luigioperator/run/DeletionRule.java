/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import java.util.List;

/**
 * Whether missing objects mean that users deleted them. A few at a time do; many at once look like
 * a lost namespace, a restored etcd or a wrong cluster, and then nothing is concluded.
 */
public final class DeletionRule {

  private static final int ALWAYS_BELIEVED = 10;
  private static final int BELIEVED_PERCENT = 20;

  private DeletionRule() {}

  /**
   * @param recorded how many objects this cluster has on record for runs that have not ended
   * @param gone those of them that a live read no longer found
   * @return what to cancel; empty when too many are gone to believe it
   */
  public static List<RunKey> concluded(int recorded, List<RunKey> gone) {
    return isMass(recorded, gone.size()) ? List.of() : List.copyOf(gone);
  }

  /** Whether so many are gone that a person must look. */
  public static boolean isMass(int recorded, int gone) {
    return gone > Math.max(ALWAYS_BELIEVED, recorded * BELIEVED_PERCENT / 100);
  }
}
