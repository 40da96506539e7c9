/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

/**
 * The ledger: the rows that decide what may run, which run holds which key, and how every run
 * ended. It consists of seven roles. Each is a separate interface, so that the parameters of a
 * caller show what it may do.
 *
 * <p>Every change is one transaction. A change of a run or an attempt applies one of the
 * transitions of package {@code io.luigioperator.run} to rows under lock. Every change takes its
 * time from the database and may be repeated: a repetition finds that its guard no longer holds and
 * returns that. All methods throw {@link LedgerUnavailable} when MySQL does not answer. An empty
 * Optional always means that the guard does not hold and that nothing was written. All methods may
 * be called by several threads at once.
 */
public interface Ledger {

  ClusterLedger clusters();

  RunLedger runs();

  AttemptLedger attempts();

  ScheduleLedger schedules();

  BackfillLedger backfills();

  LedgerMaintenance maintenance();

  LedgerQueries queries();

  /** A ledger that consists of these roles, for wrappers that instrument each call. */
  record Roles(
      ClusterLedger clusters,
      RunLedger runs,
      AttemptLedger attempts,
      ScheduleLedger schedules,
      BackfillLedger backfills,
      LedgerMaintenance maintenance,
      LedgerQueries queries)
      implements Ledger {}
}
