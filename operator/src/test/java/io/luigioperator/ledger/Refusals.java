/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import java.sql.SQLException;

/** Errors of the ledger for tests of other packages. */
public final class Refusals {

  private Refusals() {}

  public static StatementRefused refused(String message) {
    return new StatementRefused("amendment", SqlFault.REFUSED, new SQLException(message));
  }
}
