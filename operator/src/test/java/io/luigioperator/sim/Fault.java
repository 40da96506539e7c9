/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.sim;

/** The kinds of faults. They are counted, and a kind that never occurred fails the test. */
enum Fault {
  CRASH,
  INTERLEAVED,

  // requests and their answers
  READ_FAILED,
  REQUEST_LOST,
  REQUEST_LATE,
  REQUEST_DUPLICATED,
  REQUEST_REFUSED,
  LEDGER_ROLLED_BACK,
  LEDGER_APPLIED_BUT_ERROR,
  /** The row of an ended run is lost, or restored to the state in which it was accepted. */
  ROW_LOST,
  /** The clock of the database jumps forward, and later back. */
  CLOCK_AHEAD,
  /** The clock of the database jumps back, and later forward. */
  CLOCK_BEHIND,

  // what an API server refuses until the fault is repaired
  OBJECTS_REFUSED,
  JOBS_REFUSED,
  JOBS_SUSPENDED,
  PODS_REFUSED,
  PODS_STRIPPED,
  GATES_REFUSED,
  TEMPLATES_REFUSED,
  NAMESPACE_TERMINATING,
  JOB_NAME_TAKEN,

  // pods, Jobs, nodes, clusters
  LATE_POD,
  SECOND_POD,
  POD_START_FAILED,
  POD_UNLABELLED,
  POD_DELETED,
  POD_FORCE_DELETED,
  JOB_DELETED,
  NODE_LOST,
  CLUSTER_REBUILT,
  /** The namespace is deleted and created again, and what users had applied is applied again. */
  NAMESPACE_RECREATED,
  /** The operator of one cluster is configured with the cluster id of the other. */
  CLUSTER_ID_REUSED,

  // what users do
  RUN_DELETED,
  RUN_RECREATED,
  RUN_CANCELED,
  RUN_HELD,
  RUN_CHANGED,
  SCHEDULE_CHANGED,
  /** With a limit of concurrent runs. */
  SCHEDULE_LIMITED,
  SCHEDULE_DELETED,
  SCHEDULE_RECREATED,
  /** A user applies a PipelineRun under the name that a tick uses, with the same request. */
  TICK_APPLIED,
  /** The same with another request. */
  TICK_NAME_TAKEN,
  /** A user adds a backfill to a schedule. */
  BACKFILL_ADDED,
  /** A user removes one, which may be running. */
  BACKFILL_REMOVED
}
