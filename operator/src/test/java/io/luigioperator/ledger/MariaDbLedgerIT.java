/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

/** The contract on MariaDB 11.4. */
class MariaDbLedgerIT extends SqlContract {

  @Override
  public SqlServer server() {
    return MariaDbServer.shared();
  }
}
