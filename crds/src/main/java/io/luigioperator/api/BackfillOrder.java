/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

/** The order in which a backfill runs its business dates. */
public enum BackfillOrder {
  OldestFirst,
  NewestFirst
}
