/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.sim;

/** A deliberate error that an invariant must detect. */
enum Mutant {
  NONE,

  // in the simulated clients
  /** A terminating pod is reported as ended. */
  TERMINATING_COUNTS_AS_ENDED,
  /** The gates of all pods with the token of an attempt are opened, not that of one UID. */
  GATE_OPENED_BY_TOKEN,
  /** The status of a PipelineRun is not read, so that an end is forgotten with its row. */
  STATUS_IGNORED,
  /** The ledger binds without comparing the state. */
  BIND_WITHOUT_COMPARE,
  /** A bound pod without the labels of the operator is not found. */
  UNLABELLED_IS_ABSENT,
  /** Cron times are decided without comparing up to where they were decided before. */
  DECIDED_UNTIL_IGNORED,
  /** A tick is committed before its run. */
  TICK_BEFORE_ITS_RUN,
  /** A schedule that was deleted begins anew. */
  DELETED_SCHEDULE_FORGOTTEN,
  /** A cluster decides the cron times of a schedule that another one owns. */
  OWNER_IGNORED,
  /** A step of a backfill is taken wherever the backfill is by now. */
  BACKFILL_POSITION_IGNORED,
  /** All runs that wait for the limit of their schedule are released at once. */
  LIMIT_IGNORED,
  /** The runs of a deleted schedule are not canceled. */
  DELETED_SCHEDULE_CANCELS_NOTHING,
  /** It is not observed that a namespace was created again. */
  NAMESPACE_AGE_IGNORED,
  /** Ended PipelineRuns of ticks are not deleted. */
  HISTORY_IGNORED,
  /** Cron times before a change of their schedule are decided by the rules after it. */
  NEW_RULES_FOR_THE_PAST,

  // in the configuration of the operator
  /** Attempts belong to a cluster id, whichever cluster has it. */
  IDENTITY_IGNORED,
  /** The time of the database is not checked. */
  CLOCK_JUMP_IGNORED,
  /** A pod on a node that does not respond counts as ended at once. */
  NO_NODE_LOSS_HOLD,
  /** The operator ignores the limit of a namespace. */
  TOO_MANY_SLOTS_OF_A_NAMESPACE,
  /** The operator fills more slots than there are. */
  TOO_MANY_SLOTS,
  /** The signal for an admission pass is ignored. */
  ADMISSION_SIGNAL_LOST,
  /** The signal that runs may be released is ignored. */
  LIMIT_SIGNAL_LOST
}
