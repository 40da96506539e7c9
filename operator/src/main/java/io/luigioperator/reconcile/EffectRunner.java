/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.luigioperator.job.Kube;
import io.luigioperator.job.Kube.DryRunResult;
import io.luigioperator.job.Kube.Freshness;
import io.luigioperator.job.Kube.JobCreation;
import io.luigioperator.job.KubeForbidden;
import io.luigioperator.ledger.Ledger;
import io.luigioperator.ledger.RunLedger.AcceptRequest;
import io.luigioperator.ledger.RunLedger.Acceptance;
import io.luigioperator.run.Abandonment;
import io.luigioperator.run.Abandonment.BudgetCharge;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.AttemptRef;
import io.luigioperator.run.Effect;
import io.luigioperator.run.EndCause.Treatment;
import io.luigioperator.run.EndTransitions;
import io.luigioperator.run.Ending;
import io.luigioperator.run.ObjectRecord;
import io.luigioperator.run.Presence;
import io.luigioperator.run.Reasons;
import io.luigioperator.run.RetryPolicy;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunObject;
import io.luigioperator.run.RunSnapshot;
import java.util.List;
import java.util.Optional;

/** Does one effect to the world, and says what the next look must know about it. */
final class EffectRunner {

  /** What the next look must know. */
  sealed interface EffectResult {
    record Done() implements EffectResult {}

    /** A dry run took the pod of the pipeline, or refused it only for now. */
    record PodAccepted() implements EffectResult {}

    /** A dry run found that the pipeline can never become a pod. */
    record PodRefused(String words) implements EffectResult {}

    /** Read from the API server itself from now on. */
    record ReadLive() implements EffectResult {}

    /** All is well, only slow: asking again at once would tell the same. */
    record StillWaiting() implements EffectResult {}

    /** A key or a slot may have come free, or a run become READY. */
    record AdmissionNeeded() implements EffectResult {}
  }

  private static final EffectResult NOTHING = new EffectResult.Done();
  private static final EffectResult ADMISSION_NEEDED = new EffectResult.AdmissionNeeded();

  private static final int EXPIRED_AT_ONCE = 50;

  private final Ledger ledger;
  private final Kube kube;
  private final String clusterId;

  EffectRunner(Ledger ledger, Kube kube, String clusterId) {
    this.ledger = ledger;
    this.kube = kube;
    this.clusterId = clusterId;
  }

  EffectResult run(Effect effect, RunSnapshot s) {
    switch (effect) {
      case Effect.DryRunPod e -> {
        return kube.dryRun(s.key(), e.request()) instanceof DryRunResult.Refused r && r.permanent()
            ? new EffectResult.PodRefused(r.message())
            : new EffectResult.PodAccepted();
      }
      case Effect.ReadLive() -> {
        return new EffectResult.ReadLive();
      }
      case Effect.Accept e -> {
        accept(e);
        return ADMISSION_NEEDED;
      }
      case Effect.Amend e -> {
        ledger.runs().amend(s.key(), clusterId, e.generation(), e.amendment());
        return ADMISSION_NEEDED;
      }
      case Effect.Expire() -> {
        ledger.maintenance().expire(EXPIRED_AT_ONCE);
        return ADMISSION_NEEDED;
      }
      case Effect.Finish e -> {
        // the ledger attributes it again, under lock; here for whoever only watches the call
        Ending ending = s.mine().map(a -> EndTransitions.attributed(a, e.ending())).orElse(e.ending());
        ledger.attempts().finish(e.attempt(), e.podUid(), ending, policy(s), presence(ending, s));
        return ADMISSION_NEEDED;
      }
      case Effect.Abandon e -> {
        return abandon(e.attempt(), e.why(), s);
      }
      case Effect.CreateJob e -> {
        return createJob(e.attempt(), s);
      }
      case Effect.DiagnoseMissingPod e -> {
        return kube.dryRun(s.key(), run(s).origin().request()) instanceof DryRunResult.Refused r
            ? abandon(e.attempt(), refused(r.message()), s)
            : new EffectResult.StillWaiting();
      }
      case Effect.RecordObject e ->
          ledger.runs().recordObject(s.key(), new ObjectRecord(clusterId, e.uid(), 0));
      case Effect.Bind e -> ledger.attempts().bind(e.attempt(), e.jobUid(), e.podUid());
      case Effect.OpenGate e -> kube.openGate(e.pod());
      case Effect.RecordNode e -> ledger.attempts().recordNode(mine(s), e.node());
      case Effect.MarkForStop e -> ledger.attempts().markForStop(mine(s), e.cause(), e.message());
      case Effect.StopPod e -> kube.deletePod(e.pod().namespace(), e.pod().name(), e.pod().uid());
      case Effect.MarkPodMissing e -> ledger.attempts().markPodMissing(mine(s));
      case Effect.ClearPodMissing e -> ledger.attempts().clearPodMissing(mine(s));
      case Effect.DeleteObject e -> kube.deleteRun(s.key(), e.uid());
    }
    return NOTHING;
  }

  private void accept(Effect.Accept e) {
    AcceptRequest request =
        new AcceptRequest(e.run(), new ObjectRecord(clusterId, e.uid(), e.generation()));
    if (ledger.runs().accept(List.of(request)).getFirst() instanceof Acceptance.Refused r) {
      throw new IllegalStateException(r.message());
    }
  }

  private EffectResult createJob(Attempt attempt, RunSnapshot s) {
    return switch (kube.createJob(run(s), attempt, s.object().orElseThrow())) {
      case JobCreation.Created _ -> NOTHING;
      case JobCreation.Exists e when e.job().token().equals(attempt.token()) -> NOTHING;
      case JobCreation.Exists e -> abandon(attempt.ref(), Abandonment.nameTaken(e.job().name()), s);
      case JobCreation.Refused r -> abandon(attempt.ref(), refused(r.message()), s);
    };
  }

  private static Abandonment refused(String words) {
    return new Abandonment(Reasons.LAUNCH_REFUSED, words, BudgetCharge.INFRASTRUCTURE);
  }

  private EffectResult abandon(AttemptRef attempt, Abandonment why, RunSnapshot s) {
    ledger.attempts().abandon(attempt, why, policy(s));
    return ADMISSION_NEEDED;
  }

  /** Looked up before anything that may lead to a retry: a deletion must not be undone by it. */
  private Presence presence(Ending ending, RunSnapshot s) {
    boolean final_ = ending.cause().treatment() == Treatment.DONE;
    Optional<String> recorded = s.row().flatMap(RunSnapshot.Row::recorded).map(r -> r.uid());
    if (final_ || recorded.isEmpty()) {
      return Presence.PRESENT;
    }
    try {
      Optional<RunObject> object = kube.run(s.key(), Freshness.LIVE);
      return object.filter(o -> o.uid().equals(recorded.get()) && !o.deleting()).isPresent()
          ? Presence.PRESENT
          : Presence.MISSING;
    } catch (KubeForbidden e) {
      return Presence.PRESENT; // unknown: a claim would look again, and hold it
    }
  }

  private static Attempt mine(RunSnapshot s) {
    return s.mine().orElseThrow();
  }

  private static Run run(RunSnapshot s) {
    return s.row().orElseThrow().run();
  }

  private static RetryPolicy policy(RunSnapshot s) {
    return s.row().flatMap(RunSnapshot.Row::request).orElseThrow().retryPolicy();
  }
}
