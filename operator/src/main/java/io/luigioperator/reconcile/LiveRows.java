/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.luigioperator.run.Attempt;
import io.luigioperator.run.RunKey;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/**
 * A cache of the rows of runs with a live attempt in this cluster, as this process last read or
 * wrote them, so that an event of their Job or pod costs no query. It holds at most one entry for
 * each live attempt of this cluster. Thread-safe.
 *
 * <p>A row may be outdated, because operators of other clusters write too. That is safe: every
 * transaction checks its guard under lock, and in Kubernetes an outdated row can only lead to an
 * extra gated Job, or to the stop of a pod that must be stopped anyway. A gate is opened only after
 * a bind that found no cancel. A row is used for at most {@link #MAX_AGE}; it is removed after any
 * failure, and each sweep reads it again.
 */
final class LiveRows {

  /** Longer than the interval of the sweep, which reads each row again. */
  static final Duration MAX_AGE = Duration.ofSeconds(60);

  private final String cluster;
  private final Map<RunKey, LedgerRow> rows = new ConcurrentHashMap<>();

  LiveRows(String cluster) {
    this.cluster = cluster;
  }

  Optional<LedgerRow> get(RunKey key, long nanoTime) {
    return Optional.ofNullable(rows.get(key))
        .filter(row -> nanoTime - row.nanoTime() <= MAX_AGE.toNanos());
  }

  /** Stores the row if it has a live attempt in this cluster; removes it otherwise. */
  void put(RunKey key, LedgerRow row) {
    boolean live =
        row.record().stream().flatMap(r -> r.attempts().stream()).anyMatch(this::isLiveHere);
    if (live) {
      // two threads may call this in the wrong order: the later row is kept
      rows.merge(key, row, (old, next) -> next.nanoTime() - old.nanoTime() >= 0 ? next : old);
    } else {
      rows.remove(key);
    }
  }

  private boolean isLiveHere(Attempt attempt) {
    return attempt.isLive() && attempt.cluster().equals(cluster);
  }

  void forget(RunKey key) {
    rows.remove(key);
  }
}
