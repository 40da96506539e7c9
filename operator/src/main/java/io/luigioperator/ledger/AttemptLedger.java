/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import io.luigioperator.run.Abandonment;
import io.luigioperator.run.AdmitKey;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.AttemptRef;
import io.luigioperator.run.Ending;
import io.luigioperator.run.FailureCause;
import io.luigioperator.run.ObjectRecord;
import io.luigioperator.run.Presence;
import io.luigioperator.run.RetryPolicy;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunAndAttempt;
import io.luigioperator.run.RunKey;
import java.time.Instant;
import java.util.Optional;

/** An attempt from its claim to its end. Each change returns the rows as they are after it. */
public interface AttemptLedger {

  /**
   * Claims the head of a key, if the head is still {@code expected}.
   *
   * @param token unique to this call; identifies the commit when its answer is lost
   */
  Optional<Claimed> claim(AdmitKey key, RunKey expected, String token, String cluster);

  /**
   * Chooses the pod that may start. Repeating it for the same pod gives the same attempt again;
   * empty: another pod was chosen, the run is canceled, or the attempt has ended.
   */
  Optional<RunAndAttempt> bind(AttemptRef attempt, String jobUid, String podUid);

  /**
   * Records the evidence, frees the attempt's key and decides about a retry, in one commit. It
   * locks only the key of the attempt: a change under another key, such as the release of a held
   * run, is a later transaction.
   */
  Optional<RunAndAttempt> finish(
      AttemptRef attempt, String podUid, Ending ending, RetryPolicy policy, Presence presence);

  /** Gives up an attempt that was never bound, frees its key, and delays the run. */
  Optional<RunAndAttempt> abandon(AttemptRef attempt, Abandonment why, RetryPolicy policy);

  /**
   * Records the node of the bound pod.
   *
   * @param attempt as the caller knows it; empty if it has changed since
   */
  Optional<Attempt> recordNode(Attempt attempt, String node);

  /**
   * Records why the operator is about to stop the bound pod; the first reason is kept.
   *
   * @param attempt as the caller knows it; empty if it has changed since
   */
  Optional<Attempt> markForStop(Attempt attempt, FailureCause cause, String message);

  /**
   * Records that the bound pod has been missing since now, by the database's clock; an earlier time
   * is kept.
   *
   * @param attempt as the caller knows it; empty if it has changed since
   */
  Optional<Attempt> markPodMissing(Attempt attempt);

  /**
   * Records that the bound pod was observed again.
   *
   * @param attempt as the caller knows it; empty if it has changed since
   */
  Optional<Attempt> clearPodMissing(Attempt attempt);

  /**
   * A new claim.
   *
   * @param object the record of the run's PipelineRun in the claiming cluster
   * @param now database time of the claim
   */
  record Claimed(Run run, Attempt attempt, Optional<ObjectRecord> object, Instant now) {}
}
