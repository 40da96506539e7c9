/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.sim;

import io.luigioperator.run.RunState;
import java.util.EnumMap;
import java.util.Map;
import java.util.TreeMap;

/** How often each fault, effect, crash and outcome occurred: what never occurred is not tested. */
final class FaultCounts {

  final Map<Fault, Integer> faults = new EnumMap<>(Fault.class);
  final Map<RunState, Integer> outcomes = new EnumMap<>(RunState.class);

  /** By the simple name of the effect. */
  final Map<String, Integer> effects = new TreeMap<>();

  /** By the name of the method before, or after, whose call an operator was killed. */
  final Map<String, Integer> crashesBefore = new TreeMap<>();

  final Map<String, Integer> crashesAfter = new TreeMap<>();

  void count(Fault fault) {
    faults.merge(fault, 1, Integer::sum);
  }

  int effects() {
    return effects.values().stream().mapToInt(n -> n).sum();
  }

  void add(FaultCounts other) {
    add(other.faults, faults);
    add(other.outcomes, outcomes);
    add(other.effects, effects);
    add(other.crashesBefore, crashesBefore);
    add(other.crashesAfter, crashesAfter);
  }

  private static <K> void add(Map<K, Integer> from, Map<K, Integer> to) {
    from.forEach((k, n) -> to.merge(k, n, Integer::sum));
  }

  @Override
  public String toString() {
    return """
          faults        %s
          effects       %s
          killed before %s
          killed after  %s
          outcomes      %s"""
        .formatted(faults, effects, crashesBefore, crashesAfter, outcomes);
  }
}
