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
 * The rows of runs with a live attempt of this cluster, as this process last read or wrote them, so
 * that an event of their Job or pod costs no query. At most as many as attempts are live here.
 *
 * <p>A row may be stale, because operators of other clusters write too. That is safe: every
 * transaction checks its guard under lock, and what a stale row can lead to in Kubernetes is a
 * gated Job too many or a pod stopped that is to be stopped anyway. A gate is opened only after a
 * bind that has seen no cancel. It is also short: a row is used for {@link #MAX_AGE} at most, it is
 * dropped after any failure, and each sweep reads it again.
 */
final class LiveRows {

  /** Longer than the interval of the sweep, which renews it. */
  static final Duration MAX_AGE = Duration.ofSeconds(60);

  private final String clusterId;
  private final Map<RunKey, LedgerRow> rows = new ConcurrentHashMap<>();

  LiveRows(String clusterId) {
    this.clusterId = clusterId;
  }

  Optional<LedgerRow> get(RunKey key, long nanoTime) {
    return Optional.ofNullable(rows.get(key))
        .filter(row -> nanoTime - row.nanoTime() <= MAX_AGE.toNanos());
  }

  /** Keeps the row if its attempt is live here, and else forgets the run. */
  void put(RunKey key, LedgerRow row) {
    boolean live =
        row.record().stream().flatMap(r -> r.attempts().stream()).anyMatch(this::isLiveHere);
    if (live) {
      // two threads may end in the other order: the later answer stays
      rows.merge(key, row, (old, next) -> next.nanoTime() - old.nanoTime() >= 0 ? next : old);
    } else {
      rows.remove(key);
    }
  }

  private boolean isLiveHere(Attempt attempt) {
    return attempt.isLive() && attempt.clusterId().equals(clusterId);
  }

  void forget(RunKey key) {
    rows.remove(key);
  }
}
