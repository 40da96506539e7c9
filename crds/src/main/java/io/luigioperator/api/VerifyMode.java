/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

/** What is proved after Luigi has ended. */
public enum VerifyMode {
  /** The root task is complete, seen from a fresh process. */
  Root,
  /** Nothing; the verdict of Luigi is believed. */
  None
}
