/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

/** Gives tests of other packages a MySQL schema of their own. */
public final class TestDatabase {
  private TestDatabase() {}

  /** An empty schema on the MariaDB of this JVM, which needs no password. */
  public static LedgerConfig fresh(String hint) {
    try (Sql sql = MariaDbServer.shared().freshDatabase(hint)) {
      return sql.config();
    }
  }
}
