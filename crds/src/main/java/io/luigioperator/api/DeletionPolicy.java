/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

/** What happens to the runs that a schedule has created when it is deleted. */
public enum DeletionPolicy {
  /** They go on. */
  Retain,
  /** Those that wait are canceled; those that run go on. */
  CancelQueued
}
