/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import io.luigioperator.run.Abandonment;
import io.luigioperator.run.AdmitKey;
import io.luigioperator.run.Amendment;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.AttemptRef;
import io.luigioperator.run.Ending;
import io.luigioperator.run.FailureCause;
import io.luigioperator.run.NewRun;
import io.luigioperator.run.ObjectRecord;
import io.luigioperator.run.Presence;
import io.luigioperator.run.RetryPolicy;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunState;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The transactions of the protocol. Each is one commit, applies one transition of package {@code
 * run} to rows under lock, takes its time from the database, and may be repeated: a repetition
 * finds its guard gone and reports so. All throw {@link LedgerUnavailable} when MySQL does not
 * answer; an empty Optional always means "the guard does not hold, nothing was written".
 */
public interface Ledger {

  // ---- time and clusters

  /** Database time, UTC, microseconds: the only clock that decides anything. */
  Instant now();

  /**
   * Says that this cluster is alive. A new cluster is entered with this identity; under the name of
   * another one nothing is written.
   *
   * @param identity UID of its kube-system namespace
   * @return the identity on record; another one means that the cluster was rebuilt, or that two
   *     clusters use one name
   */
  String heartbeat(String clusterId, String identity);

  /**
   * Gives the name of a cluster that has been silent for so long to this one, and drops the objects
   * of the old one, in one commit.
   *
   * @return whether the name is this cluster's now
   */
  boolean takeOver(String clusterId, String identity, Duration silence);

  // ---- a run's way in

  /** Inserts the run and its object record in one commit, or compares the request's hash. */
  Acceptance accept(NewRun run, ObjectRecord object);

  /** Notes that a PipelineRun of this run exists in a cluster, replacing what was noted before. */
  void recordObject(RunKey run, ObjectRecord object);

  /** Applies one generation of the mutable fields, once; empty when it had been applied. */
  Optional<Run> amend(RunKey run, String clusterId, long generation, Amendment amendment);

  // ---- an attempt: claim, bind, finish

  /**
   * Claims the head of a key, if the head is still {@code expected}.
   *
   * @param token unique to this call; identifies the commit when its answer is lost
   */
  Optional<Claimed> claim(AdmitKey key, RunKey expected, String token, String clusterId);

  /**
   * Chooses the pod that may start. Repeating it for the same pod gives the same attempt again;
   * empty: another pod was chosen, the run is canceled, or the attempt has ended.
   */
  Optional<Attempt> bind(AttemptRef attempt, String jobUid, String podUid);

  /** Notes where the bound pod was placed. */
  void recordNode(AttemptRef attempt, String podUid, String node);

  /** Writes down why the bound pod is about to be stopped; the first reason stays. */
  void markForStop(AttemptRef attempt, String podUid, FailureCause cause, String message);

  /** Starts the hold's clock, if the attempt is bound to this pod and the clock stands still. */
  void markPodMissing(AttemptRef attempt, String podUid);

  /** Stops the hold's clock. */
  void clearPodMissing(AttemptRef attempt, String podUid);

  /** Records the evidence, frees the mutex and decides about a retry, in one commit. */
  Optional<Run> finish(
      AttemptRef attempt, String podUid, Ending ending, RetryPolicy policy, Presence presence);

  /** Gives up an attempt that was never bound, frees the mutex, and delays the run. */
  Optional<Run> abandon(AttemptRef attempt, Abandonment why, RetryPolicy policy);

  // ---- a run that waits

  /** Cancels: a waiting run at once, a live one as soon as its evidence is there. */
  Optional<Run> cancel(RunKey run, String reason, String message);

  /** Parks a waiting run. */
  Optional<Run> hold(RunKey run, String reason, String message);

  /** Lets a run go that was held for exactly this reason. */
  Optional<Run> release(RunKey run, String reason);

  /** RunTransactions up to {@code limit} DELAYED runs whose time has come; returns what moved. */
  List<Run> due(int limit);

  /** Fails up to {@code limit} waiting runs whose start deadline has passed; returns them. */
  List<Run> expire(int limit);

  /** Removes attempts and requests of up to {@code limit} runs that finished before; how many. */
  int purge(Instant finishedBefore, int limit);

  // ---- repairs of the sweep; each returns what it had to repair, which should be nothing

  /** Frees up to {@code limit} keys whose holder has no live attempt. */
  List<AdmitKey> freeStaleHolders(int limit);

  /** Corrects the cached virtual start of up to {@code limit} keys after a cursor. */
  Audit auditHeads(Optional<AdmitKey> after, int limit);

  // ---- reads, each one statement or two by key

  Optional<RunRecord> load(RunKey run, String clusterId);

  /** Keys with a free mutex and a READY run, in the order of admission, after {@code after}. */
  List<Head> openHeads(Optional<Head> after, int limit);

  /** When the next DELAYED run becomes due. */
  Optional<Instant> nextDue();

  /** Attempts that are not ended, of one cluster, by claim time. */
  List<Attempt> liveAttempts(String clusterId);

  /** Claimed but unbound attempts of clusters not heard of for {@code silence}. */
  List<Attempt> claimsOfSilentClusters(Duration silence, int limit);

  /**
   * The attempts of these claims, by their tokens, in statements of bounded length; what is missing
   * was never claimed, or is purged. Attempts go one way only: an answer may be old, but nothing in
   * it is ever undone.
   */
  Map<String, Attempt> attemptsByToken(Collection<String> tokens);

  /** Objects noted for a cluster whose runs are not terminal, by key, after {@code after}. */
  List<RecordedObject> recordedObjects(String clusterId, Optional<RunKey> after, int limit);

  /** Runs held for a reason, oldest first. */
  List<Run> heldFor(String reason, int limit);

  /** How many runs are in each non-terminal state. */
  Map<RunState, Long> countByState();

  // ---- shapes

  /** What accept found. */
  sealed interface Acceptance {
    Run run();

    /** A new row. */
    record Accepted(Run run) implements Acceptance {}

    /** The same request under the same name: a no-op. */
    record Same(Run run) implements Acceptance {}

    /** Another request under this name: refuse it. */
    record NameTaken(Run run) implements Acceptance {}
  }

  /** A fresh claim. */
  record Claimed(Run run, Attempt attempt) {}

  /** The first run of a free key; {@code openAt} is its virtual start. */
  record Head(AdmitKey key, RunKey run, Instant openAt) {}

  /**
   * What an audit found.
   *
   * @param next where to go on; empty at the end, to begin anew
   */
  record Audit(List<AdmitKey> corrected, Optional<AdmitKey> next) {}

  /**
   * A recorded object.
   *
   * @param reason of its run's standing: what it is held for, if it is
   */
  record RecordedObject(RunKey run, String reason, ObjectRecord object) {}

  /**
   * All that the ledger knows about a run.
   *
   * @param attempts newest first, at most 10
   * @param object this cluster's record, if any
   * @param holder who holds the run's key now, if anybody
   */
  record RunRecord(
      Run run, List<Attempt> attempts, Optional<ObjectRecord> object, Optional<RunKey> holder) {}
}
