/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

/**
 * A row has a value that this version of the operator does not know: a newer version wrote it. Such
 * a row must not be changed, because the meaning of the value is unknown.
 */
final class UnknownValue extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final String column;

  /**
   * @param column with its table
   */
  UnknownValue(String column, String value) {
    super(
        "%s is '%s' in a row of the ledger, which this version does not know: upgrade the operator"
            .formatted(column, value));
    this.column = column;
  }

  String column() {
    return column;
  }
}
