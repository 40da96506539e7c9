/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.luigioperator.ledger.LedgerQueries.RunRecord;
import io.luigioperator.run.RunSnapshot.PodCheck;

/** The result of an effect, as far as the rest of the reconciliation depends on it. */
sealed interface EffectResult {

  /** The effect did not change the rows of the run. */
  record Unchanged() implements EffectResult {}

  /** The effect changed the rows of the run to these. */
  record Changed(RunRecord record) implements EffectResult {}

  /** The known rows of the run are outdated, so that they must be read again. */
  record Stale() implements EffectResult {}

  /** The API server answered a dry run of the pod. */
  record PodChecked(PodCheck answer) implements EffectResult {}

  /** The rest of the reconciliation must read from the API server, and the rows again. */
  record ReadLive() implements EffectResult {}

  /** The Job controller has not created the pod yet, and nothing prevents it from doing so. */
  record StillWaiting() implements EffectResult {}
}
