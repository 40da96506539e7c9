/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.luigioperator.ledger.LedgerQueries.RunRecord;
import io.luigioperator.run.RunSnapshot.PodCheck;

/** What the rest of a reconciliation must know about an effect. */
sealed interface EffectResult {

  /** The ledger's rows are as they were. */
  record Unchanged() implements EffectResult {}

  /** The effect's transaction left the run so. */
  record Changed(RunRecord record) implements EffectResult {}

  /** The rows known here are not those of the ledger: read them again. */
  record Stale() implements EffectResult {}

  /** The API server answered a dry run of the pod. */
  record PodChecked(PodCheck answer) implements EffectResult {}

  /** Read from the API server itself from now on, and the rows once more. */
  record ReadLive() implements EffectResult {}

  /** The pod is only slow to appear: asking again at once would give the same answer. */
  record StillWaiting() implements EffectResult {}
}
