/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

/**
 * MySQL did not answer, or answered in a way that leaves the outcome unknown even after a re-read.
 * Nothing may be concluded; do nothing and come back, the sweep will.
 */
public final class LedgerUnavailable extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public LedgerUnavailable(String message) {
    super(message);
  }

  public LedgerUnavailable(String message, Throwable cause) {
    super(message, cause);
  }
}
