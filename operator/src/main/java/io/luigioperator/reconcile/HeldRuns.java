/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.luigioperator.ledger.LedgerQueries;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Reads held runs a page at a time, each sweep the next one, so that runs which stay held do not
 * keep the sweep from looking at the others. Not thread-safe.
 */
final class HeldRuns {

  static final int PAGE = 200;

  private final LedgerQueries queries;

  /** The last run of the page before, by reason. */
  private final Map<String, RunKey> cursors = new HashMap<>();

  HeldRuns(LedgerQueries queries) {
    this.queries = queries;
  }

  List<Run> next(String reason) {
    Optional<RunKey> after = Optional.ofNullable(cursors.remove(reason));
    List<Run> page = queries.heldFor(reason, after, PAGE);
    if (page.isEmpty() && after.isPresent()) {
      page = queries.heldFor(reason, Optional.empty(), PAGE);
    }
    if (!page.isEmpty()) { // also a short one: rows of a newer version are left out
      cursors.put(reason, page.getLast().key());
    }
    return page;
  }
}
