/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import java.util.Comparator;

/** Namespace and name: they identify a run permanently and are its idempotency key. */
public record RunKey(String namespace, String name) implements Comparable<RunKey> {

  private static final Comparator<RunKey> ORDER =
      Comparator.comparing(RunKey::namespace).thenComparing(RunKey::name);

  /** The ledger's primary key: 32 hex digits of SHA-256 over {@code namespace/name}. */
  public String id() {
    return Sha256.hex(toString()).substring(0, 32);
  }

  @Override
  public int compareTo(RunKey other) {
    return ORDER.compare(this, other);
  }

  @Override
  public String toString() {
    return namespace + "/" + name;
  }
}
