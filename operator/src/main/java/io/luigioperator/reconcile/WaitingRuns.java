/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.luigioperator.api.PipelineRunStatus;
import io.luigioperator.run.AdmitKey;
import io.luigioperator.run.ObservedAttempt.ObservedPod;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.StatusView;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;

/**
 * The READY runs of this cluster and the key that each waits for. With them, one query for all
 * holders shows which conditions are outdated, however many runs wait. Reconciliations fill it; a
 * new leader reconciles all runs. It holds one entry for each waiting PipelineRun. Thread-safe.
 */
final class WaitingRuns {
  private final Map<RunKey, AdmitKey> keys = new ConcurrentHashMap<>();

  void put(RunKey run, AdmitKey key) {
    keys.put(run, key);
  }

  void remove(RunKey run) {
    keys.remove(run);
  }

  /**
   * The runs whose status names the wrong reason.
   *
   * @param holders the keys that are held now, with the run that holds each
   * @param withoutNode the namespaces for which the cluster counts as full, each with the pod that
   *     shows it
   * @param shown returns the status of the PipelineRun, if it has one
   */
  List<RunKey> outdated(
      Map<AdmitKey, RunKey> holders,
      Map<String, ObservedPod> withoutNode,
      Function<RunKey, Optional<PipelineRunStatus>> shown) {
    return keys.entrySet().stream()
        .filter(
            e ->
                shown
                    .apply(e.getKey())
                    .filter(
                        status ->
                            StatusView.isOutdatedWaiting(
                                status,
                                holders.containsKey(e.getValue()),
                                Optional.ofNullable(withoutNode.get(e.getKey().namespace()))))
                    .isPresent())
        .map(Map.Entry::getKey)
        .toList();
  }
}
