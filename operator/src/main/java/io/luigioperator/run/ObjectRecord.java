/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import java.time.Instant;

/**
 * The ledger's record that a cluster holds a PipelineRun for a run.
 *
 * @param uid of the PipelineRun
 * @param appliedGeneration the newest generation whose mutable fields have been applied to the run
 * @param createdAt time of the API server, to the second
 * @param createdByOperator if not, a user created it and may create it again, for example from Git
 */
public record ObjectRecord(
    String cluster,
    String uid,
    long appliedGeneration,
    Instant createdAt,
    boolean createdByOperator) {

  /** No generation has been applied. */
  private static final long NONE_APPLIED = 0;

  /** Generation of an object that the operator created and that has not been edited since. */
  private static final long AS_CREATED = 1;

  /** Whether this is the record of this object, and not of another one with the same name. */
  public boolean isOf(RunObject object) {
    return uid.equals(object.uid());
  }

  /** The record of an object that was found after its run had been accepted without it. */
  public static ObjectRecord of(String cluster, RunObject object) {
    return applied(cluster, object, object.createdByOperator() ? AS_CREATED : NONE_APPLIED);
  }

  /** The record of an object whose present generation has been applied. */
  public static ObjectRecord applied(String cluster, RunObject object) {
    return applied(cluster, object, object.generation());
  }

  private static ObjectRecord applied(String cluster, RunObject object, long generation) {
    return new ObjectRecord(
        cluster, object.uid(), generation, object.createdAt(), object.createdByOperator());
  }

  /** After another generation was applied. */
  public ObjectRecord withApplied(long generation) {
    return new ObjectRecord(cluster, uid, generation, createdAt, createdByOperator);
  }
}
