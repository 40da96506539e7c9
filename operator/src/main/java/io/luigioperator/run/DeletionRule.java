/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

/**
 * Decides whether missing PipelineRuns count as deleted by users. A few do. If many are missing at
 * once, the cause may be a lost namespace, a restored etcd or a wrong cluster, and a person must
 * confirm the deletions.
 */
public final class DeletionRule {

  private static final int MAX_DELETIONS = 10;
  private static final int MAX_DELETIONS_PERCENT = 20;

  private DeletionRule() {}

  /**
   * Whether so many are missing that a person must confirm the deletion.
   *
   * @param recorded how many objects are on record for this cluster and runs that have not ended
   * @param gone those of them that a live read did not find
   */
  public static boolean isMass(int recorded, int gone) {
    return gone > Math.max(MAX_DELETIONS, recorded * MAX_DELETIONS_PERCENT / 100);
  }
}
