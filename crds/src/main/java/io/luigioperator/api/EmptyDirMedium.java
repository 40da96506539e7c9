/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

/** Storage medium of an emptyDir volume. */
public enum EmptyDirMedium {
  /** Memory of the node; counts towards the memory limit of the container. */
  Memory
}
