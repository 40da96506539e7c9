/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import java.util.Comparator;

/** Namespace and name of a PipelineSchedule: they identify its ticks permanently. */
public record ScheduleKey(String namespace, String name) implements Comparable<ScheduleKey> {

  private static final Comparator<ScheduleKey> ORDER =
      Comparator.comparing(ScheduleKey::namespace).thenComparing(ScheduleKey::name);

  /** The ledger's primary key: 32 hex digits of SHA-256 over {@code namespace/name}. */
  public String id() {
    return Sha256.hex(toString()).substring(0, 32);
  }

  @Override
  public int compareTo(ScheduleKey other) {
    return ORDER.compare(this, other);
  }

  @Override
  public String toString() {
    return namespace + "/" + name;
  }
}
