/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import io.luigioperator.run.Amendment;
import io.luigioperator.run.NewRun;
import io.luigioperator.run.ObjectRecord;
import io.luigioperator.run.RecordedOutcome;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import java.util.List;
import java.util.Optional;

/** Changes of a run that do not change its attempts. */
public interface RunLedger {

  /**
   * Inserts new runs with their object records, and compares the request hash of those that exist.
   * Up to 50 runs are one commit. Each request gets its own answer: a refused one does not affect
   * the others.
   *
   * @return one answer for each request, in the same order
   */
  List<Acceptance> accept(List<AcceptRequest> requests);

  /** Records that a PipelineRun of this run exists in a cluster, replacing an earlier record. */
  void recordObject(RunKey run, ObjectRecord object);

  /**
   * Forgets the PipelineRun that a cluster has on record for a run, so that it is created again
   * when the run starts there. If the run is HELD because its PipelineRun is missing, it is
   * released. Nothing if another PipelineRun is on record.
   *
   * @return the run, if it was released
   */
  Optional<Run> forgetObject(RunKey run, ObjectRecord object);

  /**
   * Applies one generation of the mutable fields.
   *
   * @return the run; empty if this generation or a later one was applied before
   */
  Optional<Run> amend(RunKey run, String cluster, long generation, Amendment amendment);

  /** Cancels a run: a waiting one at once, a live one once its pod is known to have ended. */
  Optional<Run> cancel(RunKey run, String reason, String message);

  /** As {@link #cancel}, but a run with a live attempt goes on. */
  Optional<Run> cancelWaiting(RunKey run, String reason, String message);

  /** Moves a waiting run to HELD. */
  Optional<Run> hold(RunKey run, String reason, String message);

  /** Postpones a waiting run whose PipelineRun cannot be created at the moment. */
  Optional<Run> objectRefused(RunKey run, String message);

  /** Releases a run that is HELD for exactly this reason. */
  Optional<Run> release(RunKey run, String reason);

  /**
   * Ends a waiting run that had ended before its row was restored from a backup.
   *
   * @return the run; empty if it is not waiting
   */
  Optional<Run> restoreOutcome(RunKey run, RecordedOutcome outcome);

  /**
   * A run to accept.
   *
   * @param object the PipelineRun that requests it
   * @param outcome how the run ended, if its row was lost: the new row is that of an ended run
   */
  record AcceptRequest(NewRun run, ObjectRecord object, Optional<RecordedOutcome> outcome) {

    /** A run that has not ended. */
    public AcceptRequest(NewRun run, ObjectRecord object) {
      this(run, object, Optional.empty());
    }
  }

  /** The answer to one request. */
  sealed interface Acceptance {
    RunKey key();

    /** A new row. */
    record Accepted(Run run) implements Acceptance {
      @Override
      public RunKey key() {
        return run.key();
      }
    }

    /** The same request was accepted under this name before; nothing was written. */
    record Same(Run run) implements Acceptance {
      @Override
      public RunKey key() {
        return run.key();
      }
    }

    /** Another request was accepted under this name before; nothing was written. */
    record NameTaken(Run run) implements Acceptance {
      @Override
      public RunKey key() {
        return run.key();
      }
    }

    /** The database refuses this row permanently; nothing was written. */
    record Refused(RunKey key, String message) implements Acceptance {}
  }
}
