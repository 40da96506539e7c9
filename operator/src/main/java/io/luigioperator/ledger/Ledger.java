/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

/**
 * The ledger: the rows that decide what may run, who holds what, and how every run ended. It
 * consists of five roles; each is an interface of its own, so that a caller shows by its parameters
 * what it may do.
 *
 * <p>Every change is one transaction. It applies one of the transitions of package {@code
 * io.luigioperator.run} to rows under lock, takes its time from the database, and may be repeated:
 * a repetition finds that its guard does not hold any more and reports so. All methods throw {@link
 * LedgerUnavailable} when MySQL does not answer. An empty Optional always means that the guard does
 * not hold and that nothing was written. All methods may be called by several threads at once.
 */
public interface Ledger {

  ClusterLedger clusters();

  RunLedger runs();

  AttemptLedger attempts();

  LedgerMaintenance maintenance();

  LedgerQueries queries();

  /** A ledger made of given roles, for wrappers that add something to each call. */
  record Roles(
      ClusterLedger clusters,
      RunLedger runs,
      AttemptLedger attempts,
      LedgerMaintenance maintenance,
      LedgerQueries queries)
      implements Ledger {}
}
