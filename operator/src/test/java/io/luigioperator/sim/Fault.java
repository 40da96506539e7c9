/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.sim;

/** Everything that can go wrong, counted, so that a kind that never happened is noticed. */
enum Fault {
  CRASH,
  INTERLEAVED,

  // requests and their answers
  READ_FAILED,
  REQUEST_LOST,
  REQUEST_LATE,
  REQUEST_DOUBLED,
  LEDGER_ROLLED_BACK,
  LEDGER_APPLIED_BUT_ERROR,

  // what an API server refuses, for a while
  OBJECTS_REFUSED,
  JOBS_REFUSED,
  PODS_REFUSED,
  TEMPLATES_REFUSED,
  NAMESPACE_TERMINATING,
  NAME_TAKEN,

  // pods, Jobs, nodes, clusters
  LATE_POD,
  SECOND_POD,
  POD_TROUBLED,
  POD_DELETED,
  POD_TORN_AWAY,
  JOB_DELETED,
  NODE_LOST,
  CLUSTER_REBUILT,

  // what people do
  RUN_DELETED,
  RUN_RECREATED,
  RUN_CANCELED,
  RUN_HELD,
  RUN_CHANGED
}
