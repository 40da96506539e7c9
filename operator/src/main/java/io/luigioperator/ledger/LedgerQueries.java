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
import java.util.Set;

/**
 * Reads without locks; each is one statement, so that what it returns was true at one moment. Rows
 * with a value that only a newer version of the operator knows are reported and left out, unless a
 * method says otherwise.
 */
public interface LedgerQueries {

  /** Database time, UTC, microseconds: the only clock that decides anything. */
  Instant now();

  /** The rows of these runs, and the database time at which they were read. */
  Loaded load(Collection<RunKey> runs, String cluster);

  /** As {@link #load(Collection, String)}, of one run. */
  default Loaded load(RunKey run, String cluster) {
    return load(List.of(run), cluster);
  }

  /**
   * Keys without a holder that have a READY run, in the order of admission, after {@code after}.
   */
  default List<Head> openHeads(String cluster, Optional<Head> after, int limit) {
    return openHeads(cluster, after, limit, Set.of());
  }

  /** The same without the runs of some namespaces. */
  List<Head> openHeads(
      String cluster, Optional<Head> after, int limit, Set<String> exceptNamespaces);

  /** The run that holds each key now, of at most {@code limit} keys. */
  Map<AdmitKey, RunKey> holders(int limit);

  /** When the next DELAYED run becomes due. */
  Optional<Instant> nextDue();

  /** Attempts of one cluster that have not ended, by claim time. */
  List<Attempt> liveAttempts(String cluster);

  /**
   * Live attempts of other clusters, of runs that have a PipelineRun in this one, by key, after
   * {@code after}. The order has no meaning; it only makes pages.
   */
  List<Attempt> attemptsElsewhere(String cluster, Optional<AdmitKey> after, int limit);

  /**
   * The attempts of these claims, in statements of bounded length. Attempts change in one direction
   * only: the answer may be old, but nothing in it is ever undone.
   */
  TokenLookup attemptsByToken(Collection<String> tokens);

  /** Objects recorded for a cluster whose runs are not final, by key, after {@code after}. */
  List<RecordedObject> recordedObjects(String cluster, Optional<RunKey> after, int limit);

  /** Runs held for a reason, by key, after {@code after}. */
  List<Run> heldFor(String reason, Optional<RunKey> after, int limit);

  /** How many runs are in each state that is not final. */
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
   * @param runs without those that have no row
   * @param unreadable runs with a value that only a newer version of the operator knows, and which
   */
  record Loaded(Instant now, Map<RunKey, RunRecord> runs, Map<RunKey, String> unreadable) {

    /**
     * @return empty if the run has no row
     * @throws IllegalStateException if the run is unreadable; this must not be mistaken for a run
     *     without a row
     */
    public Optional<RunRecord> run(RunKey key) {
      String problem = unreadable.get(key);
      if (problem != null) {
        throw new IllegalStateException(problem);
      }
      return Optional.ofNullable(runs.get(key));
    }
  }

  /**
   * Attempts by their tokens. A token in neither part was never claimed, or its attempt is purged.
   *
   * @param unreadable tokens of attempts with a value that only a newer version knows
   */
  record TokenLookup(Map<String, Attempt> attempts, Set<String> unreadable) {

    public Optional<Attempt> attempt(String token) {
      return Optional.ofNullable(attempts.get(token));
    }
  }

  /**
   * The rows of a run.
   *
   * @param attempts newest first, at most 10
   * @param object the asking cluster's record, if any
   * @param holder the run that holds this run's key now, if any
   */
  record RunRecord(
      Run run, List<Attempt> attempts, Optional<ObjectRecord> object, Optional<RunKey> holder) {}
}
