/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.luigioperator.job.Kube;
import io.luigioperator.job.Kube.DryRunResult;
import io.luigioperator.job.Kube.Freshness;
import io.luigioperator.job.Kube.JobCreation;
import io.luigioperator.job.KubeRefused;
import io.luigioperator.job.KubeUnavailable;
import io.luigioperator.ledger.Ledger;
import io.luigioperator.ledger.LedgerQueries.RunRecord;
import io.luigioperator.ledger.StatementRefused;
import io.luigioperator.run.Abandonment;
import io.luigioperator.run.Abandonment.BudgetCharge;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.AttemptRef;
import io.luigioperator.run.ClusterIdentity;
import io.luigioperator.run.Effect;
import io.luigioperator.run.EndCause.Treatment;
import io.luigioperator.run.EndTransitions;
import io.luigioperator.run.Ending;
import io.luigioperator.run.ObjectRecord;
import io.luigioperator.run.ObservedAttempt;
import io.luigioperator.run.ObservedAttempt.ObservedJob;
import io.luigioperator.run.Presence;
import io.luigioperator.run.Reasons;
import io.luigioperator.run.RetryPolicy;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunAndAttempt;
import io.luigioperator.run.RunObject;
import io.luigioperator.run.RunSnapshot;
import io.luigioperator.run.RunSnapshot.PodCheck;
import io.luigioperator.run.WarningEvents;
import java.util.Optional;

/** Carries out one effect and reports what it changed. */
final class EffectRunner {

  private static final EffectResult UNCHANGED = new EffectResult.Unchanged();
  private static final EffectResult STALE = new EffectResult.Stale();

  private static final int EXPIRED_AT_ONCE = 50;

  private final Ledger ledger;
  private final Kube kube;
  private final String cluster;
  private final Wakeups wakeups;

  EffectRunner(Ledger ledger, Kube kube, String cluster, Wakeups wakeups) {
    this.ledger = ledger;
    this.kube = kube;
    this.cluster = cluster;
    this.wakeups = wakeups;
  }

  /**
   * @param effect any but {@link Effect.Accept}, which is carried out for many runs together
   * @param record the rows that {@code s} was made from; empty if the ledger has no row for the run
   */
  EffectResult run(Effect effect, RunSnapshot s, Optional<RunRecord> record) {
    return switch (effect) {
      case Effect.DryRunPod e -> dryRun(s, e.request());
      case Effect.Accept _ ->
          throw new IllegalArgumentException("Accept is carried out for many runs together");
      case Effect.ReadLive() -> new EffectResult.ReadLive();
      case Effect.Amend e -> amend(e, s, record);
      case Effect.RestoreOutcome e -> {
        Optional<Run> ended = ledger.runs().restoreOutcome(s.key(), e.outcome());
        ended.ifPresent(
            run -> {
              WarningEvents.WarningEvent w = WarningEvents.outcomeRestored(run);
              s.object().ifPresent(o -> kube.warn(o, w.reason(), w.message()));
              wakeups.wakeAdmission(); // the next run of the key is now the head
            });
        yield STALE;
      }
      case Effect.Expire() -> {
        ledger.maintenance().expire(EXPIRED_AT_ONCE);
        wakeups.wakeAdmission(); // the next run of the key is now the head
        yield STALE;
      }
      case Effect.Finish e -> finish(e, s, record);
      case Effect.Abandon e -> abandon(e.attempt(), e.why(), s, record);
      case Effect.CreateJob e -> createJob(e, s, record);
      case Effect.DiagnoseMissingPod e ->
          kube.dryRun(s.key(), run(s).definition().request()) instanceof DryRunResult.Refused r
              ? abandon(e.attempt(), refused(r.message()), s, record)
              : new EffectResult.StillWaiting();
      case Effect.RecordObject e -> {
        ObjectRecord object = ObjectRecord.of(cluster, s.object().orElseThrow());
        ledger.runs().recordObject(s.key(), object);
        yield changed(withObject(record.orElseThrow(), object));
      }
      case Effect.Bind e ->
          changed(ledger.attempts().bind(e.attempt(), e.jobUid(), e.podUid()), record);
      case Effect.OpenGate e -> {
        kube.openGate(e.pod());
        yield UNCHANGED;
      }
      case Effect.StopPod e -> {
        kube.deletePod(e.pod().namespace(), e.pod().name(), e.pod().uid());
        yield UNCHANGED;
      }
      case Effect.DeleteObject e -> {
        kube.deleteRun(s.key(), e.uid());
        yield UNCHANGED;
      }
      case Effect.RecordNode e ->
          attemptChanged(ledger.attempts().recordNode(attempt(s), e.node()), record);
      case Effect.MarkForStop e ->
          attemptChanged(ledger.attempts().markForStop(attempt(s), e.cause(), e.message()), record);
      case Effect.MarkPodMissing _ -> {
        requireSameCluster();
        yield attemptChanged(ledger.attempts().markPodMissing(attempt(s)), record);
      }
      case Effect.ClearPodMissing _ ->
          attemptChanged(ledger.attempts().clearPodMissing(attempt(s)), record);
    };
  }

  /**
   * A change that the database refuses, such as a time outside of its range, counts as applied, so
   * that it does not keep the run from being reconciled.
   */
  private EffectResult amend(Effect.Amend e, RunSnapshot s, Optional<RunRecord> record) {
    try {
      Optional<Run> amended = ledger.runs().amend(s.key(), cluster, e.generation(), e.amendment());
      amended.ifPresent(wakeups::changed);
      return amended
          .map(run -> changed(amended(record.orElseThrow(), run, e.generation())))
          .orElse(STALE);
    } catch (StatementRefused refusal) {
      RunObject object = s.object().orElseThrow();
      WarningEvents.WarningEvent w =
          WarningEvents.changeRefused(e.generation(), refusal.getMessage());
      kube.warn(object, w.reason(), w.message());
      ledger
          .runs()
          .recordObject(s.key(), ObjectRecord.of(cluster, object).withApplied(e.generation()));
      return STALE;
    }
  }

  private EffectResult dryRun(RunSnapshot s, String request) {
    return new EffectResult.PodChecked(
        kube.dryRun(s.key(), request) instanceof DryRunResult.Refused r && r.permanent()
            ? new PodCheck.Refused(r.message())
            : new PodCheck.Passed());
  }

  private EffectResult finish(Effect.Finish e, RunSnapshot s, Optional<RunRecord> record) {
    if (s.observed().flatMap(o -> o.pod(e.podUid())).isEmpty()) {
      requireSameCluster();
    }
    // The transaction does the same under lock. Here it is needed for the presence and for metrics.
    Ending ending = EndTransitions.attributed(attempt(s), e.ending());
    Optional<RunAndAttempt> after =
        ledger.attempts().finish(e.attempt(), e.podUid(), ending, policy(s), presence(ending, s));
    after.ifPresent(a -> wakeups.ended(a.run()));
    return changed(after, record);
  }

  /** A claim that cannot get a Job keeps its key and its slot only for a bounded time. */
  private EffectResult createJob(Effect.CreateJob e, RunSnapshot s, Optional<RunRecord> record) {
    try {
      return createJob(e.attempt(), s, record);
    } catch (KubeRefused refusal) {
      if (e.last()) {
        return abandon(e.attempt().ref(), refused(String.valueOf(refusal.getMessage())), s, record);
      }
      throw refusal;
    } catch (KubeUnavailable failure) {
      if (e.last()) {
        Abandonment why =
            new Abandonment(
                Reasons.NO_POD, String.valueOf(failure.getMessage()), BudgetCharge.NONE);
        return abandon(e.attempt().ref(), why, s, record);
      }
      throw failure;
    }
  }

  private EffectResult createJob(Attempt attempt, RunSnapshot s, Optional<RunRecord> record) {
    return switch (kube.createJob(run(s), attempt, s.object().orElseThrow())) {
      case JobCreation.Created _ -> UNCHANGED;
      case JobCreation.Exists e when e.job().token().equals(attempt.token()) -> UNCHANGED;
      case JobCreation.Exists e ->
          abandon(attempt.ref(), Abandonment.nameTaken(e.job()), s, record);
      case JobCreation.Refused r -> abandon(attempt.ref(), refused(r.message()), s, record);
    };
  }

  private static Abandonment refused(String message) {
    return new Abandonment(Reasons.LAUNCH_REFUSED, message, BudgetCharge.INFRASTRUCTURE);
  }

  private EffectResult abandon(
      AttemptRef attempt, Abandonment why, RunSnapshot s, Optional<RunRecord> record) {
    Optional<RunAndAttempt> after = ledger.attempts().abandon(attempt, why, policy(s));
    after.ifPresent(a -> wakeups.ended(a.run()));
    if (after.isPresent() && why.reason().equals(Reasons.NO_POD)) {
      deleteUseless(s);
    }
    return changed(after, record);
  }

  /**
   * Deletes the Job of an abandoned attempt at once, because it may still be creating pods, and
   * those of its pods that no sweep would find. None of them has been started. Those pods are
   * deleted before the Job, too: if that fails, or the operator is killed, the sweep finds the Job
   * and repeats it, but without the Job nothing would lead to the pods.
   */
  private void deleteUseless(RunSnapshot s) {
    ObservedAttempt observed = s.observed().orElseThrow();
    Optional<ObservedJob> own = observed.job().filter(j -> j.token().equals(attempt(s).token()));
    boolean stripped = own.filter(j -> j.active() > 0 && observed.pods().isEmpty()).isPresent();
    if (stripped) {
      deleteGatedPods(s);
    }
    own.ifPresent(kube::deleteJob);
    if (stripped) {
      deleteGatedPods(s); // created in between
    }
  }

  private void deleteGatedPods(RunSnapshot s) {
    kube.podsWithToken(s.key().namespace(), attempt(s).token()).stream()
        .filter(p -> p.gated() && !p.terminating())
        .forEach(p -> kube.deletePod(p.namespace(), p.name(), p.uid()));
  }

  /** Read live before each end that may lead to a retry, which must not undo a deletion. */
  private Presence presence(Ending ending, RunSnapshot s) {
    boolean done = ending.cause().treatment() == Treatment.DONE;
    Optional<String> recorded = s.row().flatMap(RunSnapshot.Row::recorded).map(ObjectRecord::uid);
    if (done || recorded.isEmpty()) {
      return Presence.PRESENT;
    }
    try {
      Optional<RunObject> object = kube.run(s.key(), Freshness.LIVE);
      return object.filter(o -> o.uid().equals(recorded.get()) && !o.deleting()).isPresent()
          ? Presence.PRESENT
          : Presence.MISSING;
    } catch (KubeRefused e) {
      // unknown: before a retry, admission reads it again and holds the run
      return Presence.PRESENT;
    }
  }

  // ---- the rows of the run after the effect

  /**
   * Before anything is concluded from the absence of a pod: the address of the API server may lead
   * to another cluster than at the start, where no pod of this one exists.
   */
  private void requireSameCluster() {
    if (!kube.identity().equals(ClusterIdentity.uidOf(cluster))) {
      throw new KubeUnavailable(
          "the API server belongs to another cluster than when the operator started; restart the"
              + " operator");
    }
  }

  private static EffectResult changed(RunRecord record) {
    return new EffectResult.Changed(record);
  }

  private static EffectResult changed(Optional<RunAndAttempt> after, Optional<RunRecord> before) {
    return after
        .map(a -> changed(withAttempt(before.orElseThrow(), a.run(), a.attempt())))
        .orElse(STALE);
  }

  private static EffectResult attemptChanged(Optional<Attempt> after, Optional<RunRecord> before) {
    return after
        .map(a -> changed(withAttempt(before.orElseThrow(), before.get().run(), a)))
        .orElse(STALE);
  }

  private static RunRecord withAttempt(RunRecord r, Run run, Attempt attempt) {
    return new RunRecord(
        run,
        r.attempts().stream().map(a -> a.number() == attempt.number() ? attempt : a).toList(),
        r.object(),
        r.holder());
  }

  private static RunRecord withObject(RunRecord r, ObjectRecord object) {
    return new RunRecord(r.run(), r.attempts(), Optional.of(object), r.holder());
  }

  private static RunRecord amended(RunRecord r, Run run, long generation) {
    ObjectRecord before = r.object().orElseThrow();
    return new RunRecord(
        run, r.attempts(), Optional.of(before.withApplied(generation)), r.holder());
  }

  private static Run run(RunSnapshot s) {
    return s.row().orElseThrow().run();
  }

  private static Attempt attempt(RunSnapshot s) {
    return s.mine().orElseThrow();
  }

  private static RetryPolicy policy(RunSnapshot s) {
    return s.row().flatMap(RunSnapshot.Row::request).orElseThrow().retryPolicy();
  }
}
