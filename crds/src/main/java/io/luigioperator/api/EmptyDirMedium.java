/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

/** What an empty directory is kept in. */
public enum EmptyDirMedium {
  /** The memory of the node; it counts as memory of the container. */
  Memory
}
