/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import java.util.Objects;

/** MySQL refuses the data of a transaction permanently; nothing was written. */
public final class StatementRefused extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final SqlFault fault;

  StatementRefused(String transaction, SqlFault fault, Throwable cause) {
    super("the database refuses the " + transaction + ": " + SqlFault.message(cause), cause);
    this.fault = fault;
  }

  /** Never null: the constructor sets it. */
  @Override
  public String getMessage() {
    return Objects.requireNonNull(super.getMessage());
  }

  boolean isDuplicate() {
    return fault == SqlFault.DUPLICATE;
  }
}
