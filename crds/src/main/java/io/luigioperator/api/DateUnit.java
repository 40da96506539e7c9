/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

/** Length of a business date. */
public enum DateUnit {
  /** YYYY-MM. */
  Month,
  /** YYYY-MM-DD. */
  Day,
  /** YYYY-MM-DDTHH. */
  Hour,
  /** YYYY-MM-DDTHHMM. */
  Minute
}
