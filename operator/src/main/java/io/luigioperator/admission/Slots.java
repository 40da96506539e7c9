/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.admission;

import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The slots of the cluster and of each namespace during one pass. Not thread-safe. */
final class Slots {

  private final int perNamespace;
  private final Map<String, Integer> used = new HashMap<>();
  private final Set<String> closed = new HashSet<>();
  private int free;

  Slots(Capacity capacity, Collection<String> occupied) {
    this.perNamespace = capacity.maxRunningPerNamespace().orElse(Integer.MAX_VALUE);
    this.free = Math.max(0, capacity.maxRunning() - occupied.size());
    occupied.forEach(namespace -> used.merge(namespace, 1, Integer::sum));
  }

  /** Free slots of the cluster. */
  int free() {
    return free;
  }

  /** Takes one, if one is free in the cluster and in the namespace. */
  boolean take(String namespace) {
    if (free == 0 || isFull(namespace)) {
      return false;
    }
    free--;
    used.merge(namespace, 1, Integer::sum);
    return true;
  }

  /** Returns one that was taken. */
  void giveBack(String namespace) {
    free++;
    used.merge(namespace, -1, Integer::sum);
  }

  /** Lets none of these namespaces take a slot in this pass. */
  void close(Set<String> namespaces) {
    closed.addAll(namespaces);
  }

  /** The namespaces without a free slot of their own, and the closed ones. */
  Set<String> fullNamespaces() {
    return Stream.concat(used.keySet().stream(), closed.stream())
        .filter(this::isFull)
        .collect(Collectors.toUnmodifiableSet());
  }

  private boolean isFull(String namespace) {
    return closed.contains(namespace) || used.getOrDefault(namespace, 0) >= perNamespace;
  }
}
