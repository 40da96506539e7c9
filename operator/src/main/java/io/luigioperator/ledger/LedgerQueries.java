/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import io.luigioperator.run.AdmitKey;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.ObjectRecord;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunState;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Reads without locks; each is one statement, so that what it returns was true at one moment. */
public interface LedgerQueries {

  /** Database time, UTC, microseconds: the only clock that decides anything. */
  Instant now();

  /** All that the ledger knows about these runs, and the time at which that was true. */
  Loaded load(Collection<RunKey> runs, String clusterId);

  /** As {@link #load(Collection, String)}, of one run. */
  default Loaded load(RunKey run, String clusterId) {
    return load(List.of(run), clusterId);
  }

  /**
   * Keys without a holder that have a READY run, in the order of admission, after {@code after}.
   */
  List<Head> openHeads(String clusterId, Optional<Head> after, int limit);

  /** The run that holds each key now, of at most {@code limit} keys. */
  Map<AdmitKey, RunKey> holders(int limit);

  /** When the next DELAYED run becomes due. */
  Optional<Instant> nextDue();

  /** Attempts of one cluster that have not ended, by claim time. */
  List<Attempt> liveAttempts(String clusterId);

  /**
   * The attempts of these claims, by their tokens, in statements of bounded length. A token that is
   * missing was never claimed, or its attempt is purged. Attempts change in one direction only: the
   * answer may be old, but nothing in it is ever undone.
   */
  Map<String, Attempt> attemptsByToken(Collection<String> tokens);

  /** Objects recorded for a cluster whose runs are not terminal, by key, after {@code after}. */
  List<RecordedObject> recordedObjects(String clusterId, Optional<RunKey> after, int limit);

  /** Runs held for a reason, oldest first. */
  List<Run> heldFor(String reason, int limit);

  /** How many runs are in each non-terminal state. */
  Map<RunState, Long> countByState();

  /**
   * The first run of a key without a holder.
   *
   * @param openAt its virtual start
   * @param objectUid UID of the PipelineRun that the asking cluster has on record for the run
   * @param claims attempts of the run so far; 0: its next attempt is the first
   */
  record Head(AdmitKey key, RunKey run, Instant openAt, Optional<String> objectUid, int claims) {}

  /**
   * A recorded object.
   *
   * @param reason why its run is held, if it is
   */
  record RecordedObject(RunKey run, String reason, ObjectRecord object) {}

  /**
   * Runs as they were at one moment.
   *
   * @param now database time of that moment
   * @param runs without those that the ledger does not know
   */
  record Loaded(Instant now, Map<RunKey, RunRecord> runs) {

    public Optional<RunRecord> run(RunKey key) {
      return Optional.ofNullable(runs.get(key));
    }
  }

  /**
   * All that the ledger knows about a run.
   *
   * @param attempts newest first, at most 10
   * @param object the asking cluster's record, if any
   * @param holder the run that holds this run's key now, if any
   */
  record RunRecord(
      Run run, List<Attempt> attempts, Optional<ObjectRecord> object, Optional<RunKey> holder) {}
}
