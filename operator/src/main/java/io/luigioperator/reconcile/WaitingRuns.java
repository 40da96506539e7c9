/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.luigioperator.run.AdmitKey;
import io.luigioperator.run.Reasons;
import io.luigioperator.run.RunKey;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;

/**
 * The READY runs of this cluster and the key that each waits for. With them, one query for all
 * holders shows which conditions are outdated, however many runs wait. Reconciliations fill it; a
 * new leader reconciles all runs. It holds one entry for each waiting PipelineRun. Thread-safe.
 */
final class WaitingRuns {
  private static final Set<String> REASONS =
      Set.of(Reasons.WAITING_FOR_CLIENT, Reasons.WAITING_FOR_CAPACITY);

  private final Map<RunKey, AdmitKey> keys = new ConcurrentHashMap<>();

  void put(RunKey run, AdmitKey key) {
    keys.put(run, key);
  }

  void remove(RunKey run) {
    keys.remove(run);
  }

  /**
   * The runs whose condition names the wrong reason.
   *
   * @param holders the keys that are held now, with the run that holds each
   * @param shown returns the reason in the status of the PipelineRun, if it has one
   */
  List<RunKey> outdated(Map<AdmitKey, RunKey> holders, Function<RunKey, Optional<String>> shown) {
    return keys.entrySet().stream()
        .filter(
            e -> {
              String expected =
                  holders.containsKey(e.getValue())
                      ? Reasons.WAITING_FOR_CLIENT
                      : Reasons.WAITING_FOR_CAPACITY;
              return shown
                  .apply(e.getKey())
                  .filter(reason -> REASONS.contains(reason) && !reason.equals(expected))
                  .isPresent();
            })
        .map(Map.Entry::getKey)
        .toList();
  }
}
