/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

/** The tables were updated by a newer version of the operator. Waiting does not help. */
public final class LedgerTooNew extends RuntimeException {
  private static final long serialVersionUID = 1L;

  LedgerTooNew(int version, int known) {
    super(
        ("the tables of the ledger have version %d, but this operator knows versions up to %d: a"
                + " newer operator has updated them. Install the newer operator; to go back, restore"
                + " a backup of the database from before the upgrade")
            .formatted(version, known));
  }
}
