/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.luigioperator.api.PipelineRunStatus;
import io.luigioperator.job.Kube;
import io.luigioperator.job.Kube.Freshness;
import io.luigioperator.job.KubeForbidden;
import io.luigioperator.job.KubeUnavailable;
import io.luigioperator.ledger.Ledger;
import io.luigioperator.ledger.LedgerUnavailable;
import io.luigioperator.reconcile.EffectRunner.EffectResult;
import io.luigioperator.run.Decision;
import io.luigioperator.run.Effect;
import io.luigioperator.run.Limits;
import io.luigioperator.run.RunDecider;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunObject;
import io.luigioperator.run.RunSnapshot;
import io.luigioperator.run.StatusView;
import io.luigioperator.run.WarningEvents;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Drives one run as far as it goes now: look, decide, do one thing, look again; at the end say once
 * what is to be said. It keeps nothing between two drives, so a crash anywhere costs only time.
 */
public final class RunReconciler {

  private static final Logger LOG = LoggerFactory.getLogger(RunReconciler.class);

  /** More steps than any run can take at a stretch; a defence against a hot loop. */
  private static final int MAX_STEPS = 16;

  /** When a store does not answer, or a cache has not caught up. */
  private static final Duration SOON = Duration.ofSeconds(2);

  /** After a fault of our own, or without a right: time alone does not mend either. */
  private static final Duration SELDOM = Duration.ofSeconds(60);

  private final Ledger ledger;
  private final Kube kube;
  private final SnapshotReader snapshots;
  private final EffectRunner effects;
  private final Limits limits;
  private final RunDecider decider;
  private final InstantSource hostClock;
  private final Runnable admissionNeeded;

  /**
   * @param hostClock stamps a status while the ledger, whose clock rules otherwise, is away
   * @param admissionNeeded told whenever an admission pass may find something new
   */
  public RunReconciler(
      Ledger ledger,
      Kube kube,
      String clusterId,
      Limits limits,
      InstantSource hostClock,
      Runnable admissionNeeded) {
    this.ledger = ledger;
    this.kube = kube;
    this.snapshots = new SnapshotReader(ledger, kube, clusterId);
    this.effects = new EffectRunner(ledger, kube, clusterId);
    this.limits = limits;
    this.decider = new RunDecider(limits);
    this.hostClock = hostClock;
    this.admissionNeeded = admissionNeeded;
  }

  /**
   * @return when to look again at the latest; empty when only an event can change anything
   */
  public Optional<Duration> reconcile(RunKey key) {
    try {
      return reconcileOrThrow(key);
    } catch (LedgerUnavailable e) {
      LOG.atWarn().addKeyValue("run", key).addKeyValue("error", e.getMessage()).log("ledger away");
      sayStoreUnavailable(key);
      return Optional.of(SOON);
    } catch (KubeUnavailable e) {
      LOG.atWarn()
          .addKeyValue("run", key)
          .addKeyValue("error", e.getMessage())
          .log("API server away");
      return Optional.of(SOON);
    }
  }

  /**
   * As {@link #reconcile}, for one who has many to drive and need not wait for each.
   *
   * @throws LedgerUnavailable if the ledger is away
   * @throws KubeUnavailable if the API server is
   */
  Optional<Duration> reconcileOrThrow(RunKey key) {
    try {
      return step(key);
    } catch (LedgerUnavailable | KubeUnavailable e) {
      throw e;
    } catch (KubeForbidden e) {
      LOG.atWarn().addKeyValue("run", key).addKeyValue("error", e.getMessage()).log("not allowed");
      return Optional.of(SELDOM);
    } catch (RuntimeException e) {
      // one run that cannot be driven must not keep the others from being driven
      LOG.atError().addKeyValue("run", key).setCause(e).log("run cannot be driven");
      return Optional.of(SELDOM);
    }
  }

  private Optional<Duration> step(RunKey key) {
    Set<Effect> done = new HashSet<>();
    Freshness freshness = Freshness.CACHED;
    Optional<String> refusal = Optional.empty();
    for (int steps = 0; steps < MAX_STEPS; steps++) {
      RunSnapshot s = snapshots.read(key, freshness, refusal);
      Instant now = ledger.queries().now();
      Decision decision = decider.decide(s, now);
      if (decision.effect().isEmpty()) {
        if (!said(s, decision)) {
          continue; // somebody was faster, and may know more
        }
        return decision.requeueAt().map(t -> positive(Duration.between(now, t)));
      }
      Effect effect = decision.effect().get();
      if (!done.add(effect)) {
        return Optional.of(SOON); // done, and the cache has not seen it yet; its event will come
      }
      LOG.atDebug().addKeyValue("run", key).addKeyValue("effect", kind(effect)).log("effect");
      switch (effects.run(effect, s)) {
        case EffectResult.Done() -> {}
        case EffectResult.PodAccepted() -> snapshots.remember(s);
        case EffectResult.PodRefused(String words) -> refusal = Optional.of(words);
        case EffectResult.ReadLive() -> freshness = Freshness.LIVE;
        case EffectResult.AdmissionNeeded() -> admissionNeeded.run();
        case EffectResult.StillWaiting() -> {
          if (said(s, decision)) {
            return Optional.of(limits.claimTtl());
          }
        }
      }
    }
    LOG.atError()
        .addKeyValue("run", key)
        .addKeyValue("effects", done.stream().map(RunReconciler::kind).toList())
        .log("no end of effects");
    return Optional.of(SOON);
  }

  /** Not the effect itself: what users wrote is in it, parameters and all. */
  private static String kind(Effect effect) {
    return effect.getClass().getSimpleName();
  }

  /** False: the object is no longer what the decision was about. */
  private boolean said(RunSnapshot s, Decision decision) {
    if (s.object().isEmpty() || decision.status().isEmpty()) {
      return true;
    }
    RunObject object = s.object().get();
    PipelineRunStatus status = decision.status().get();
    if (object.status().filter(status::equals).isPresent()) {
      return true;
    }
    if (!kube.writeStatus(object, status)) {
      return false;
    }
    for (WarningEvents.WarningEvent w : WarningEvents.of(s, status)) {
      kube.warn(object, w.reason(), w.message());
    }
    return true;
  }

  private void sayStoreUnavailable(RunKey key) {
    try {
      kube.run(key, Freshness.CACHED)
          .ifPresent(
              object ->
                  StatusView.storeUnavailable(object, hostClock.instant())
                      .ifPresent(status -> kube.writeStatus(object, status)));
    } catch (KubeUnavailable | KubeForbidden e) {
      LOG.atWarn().addKeyValue("run", key).log("neither store takes it");
    }
  }

  private static Duration positive(Duration d) {
    return d.isNegative() || d.isZero() ? Duration.ofMillis(1) : d;
  }
}
