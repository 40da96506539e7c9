/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.luigioperator.admission.UnansweredCalls;
import io.luigioperator.job.Kube;
import io.luigioperator.job.Kube.Freshness;
import io.luigioperator.job.Kube.NamespaceState;
import io.luigioperator.job.KubeForbidden;
import io.luigioperator.ledger.Ledger;
import io.luigioperator.ledger.LedgerMaintenance;
import io.luigioperator.ledger.LedgerUnavailable;
import io.luigioperator.run.Abandonment;
import io.luigioperator.run.Abandonment.BudgetCharge;
import io.luigioperator.run.AdmitKey;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.Reasons;
import io.luigioperator.run.RequestJson;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Gatherers;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Looks at everything that could have been left behind, relying on no memory: what a crash, a lost
 * event or a user's hand left undone is found here within one interval. Nothing depends on it for
 * its normal speed.
 */
public final class Sweep {

  private static final Logger LOG = LoggerFactory.getLogger(Sweep.class);
  private static final int BATCH = 200;
  private static final int RECONCILED_AT_ONCE = 50;

  /**
   * What stays, and for how long.
   *
   * @param jobs of attempts that succeeded
   * @param failedJobs of attempts that did not
   * @param history of attempts and requests in the ledger
   */
  public record Retention(Duration jobs, Duration failedJobs, Duration history) {}

  /**
   * What one pass found; nothing in a quiet installation.
   *
   * @param unconfirmedDeletions runs held until their objects are back or a person confirms
   * @param blocked keys of which a pod runs that no attempt is bound to: no claim while it does
   */
  public record Report(
      int orphanedJobs,
      int orphanedPods,
      int unboundOpenPods,
      int staleHolders,
      int heads,
      int unconfirmedDeletions,
      Set<AdmitKey> blocked) {

    public Report {
      blocked = Set.copyOf(blocked);
    }
  }

  private final Ledger ledger;
  private final Kube kube;
  private final String clusterId;
  private final Retention retention;
  private final RunReconciler runReconciler;
  private final Consumer<RunKey> wake;
  private final ObjectDeletions objectDeletions;
  private final ClusterSweep clusterSweep;
  private Optional<AdmitKey> auditCursor = Optional.empty();

  /**
   * @param wake called for runs that have changed; has them reconciled soon, on another thread
   */
  public Sweep(
      Ledger ledger,
      Kube kube,
      String clusterId,
      Retention retention,
      RunReconciler runReconciler,
      Consumer<RunKey> wake) {
    this.ledger = ledger;
    this.kube = kube;
    this.clusterId = clusterId;
    this.retention = retention;
    this.runReconciler = runReconciler;
    this.wake = wake;
    this.objectDeletions = new ObjectDeletions(ledger, kube, clusterId, runReconciler, wake);
    this.clusterSweep = new ClusterSweep(ledger, kube, retention);
  }

  /** One pass over everything; one at a time. */
  public Report pass() {
    Instant now = ledger.queries().now();
    reconcileLiveAttempts();
    concludeDeletions();
    due();
    ledger.maintenance().expire(BATCH).forEach(r -> wake.accept(r.key()));
    abandonSilentClaims();
    releaseHeld();
    refreshWaiting();
    ClusterSweep.Found found = clusterSweep.pass(now);
    Report report = repair(found);
    purge(now.minus(retention.history()));
    return report;
  }

  private void purge(Instant finishedBefore) {
    int runs = ledger.maintenance().purge(finishedBefore, BATCH);
    if (runs > 0) {
      LOG.atInfo().addKeyValue("runs", runs).log("removed the history of old runs");
    }
  }

  private void reconcileLiveAttempts() {
    UnansweredCalls unanswered = new UnansweredCalls();
    List<RunKey> runs =
        ledger.queries().liveAttempts(clusterId).stream().map(Attempt::run).toList();
    runs.stream()
        .gather(Gatherers.windowFixed(RECONCILED_AT_ONCE))
        .forEach(some -> runReconciler.reconcileNow(some).forEach(unanswered::next));
  }

  /** Conditions that name a holder or a full cluster although that has changed. */
  private void refreshWaiting() {
    runReconciler.outdatedWaiting(BATCH).forEach(wake);
  }

  /** Moves the runs whose time has come. */
  public void due() {
    List<Run> moved;
    do {
      moved = ledger.maintenance().due(BATCH);
      moved.forEach(r -> wake.accept(r.key()));
    } while (moved.size() == BATCH);
  }

  // ---- objectDeletions

  /** Cancels the runs whose objects users deleted; see {@link ObjectDeletions}. */
  public void concludeDeletions() {
    String identity = kube.identity();
    if (!ledger.clusters().heartbeat(clusterId, identity).equals(identity)) {
      LOG.atWarn()
          .addKeyValue("cluster", clusterId)
          .log("another cluster has this name in the ledger: nothing is concluded from absence");
      return;
    }
    objectDeletions.conclude();
  }

  // ---- runs that wait for a fact

  private void abandonSilentClaims() {
    for (Attempt a :
        ledger.maintenance().claimsOfSilentClusters(ClusterRegistration.SILENCE, BATCH)) {
      try {
        ledger.queries().load(a.run(), clusterId).run(a.run()).ifPresent(r -> abandon(a, r.run()));
      } catch (LedgerUnavailable e) {
        throw e;
      } catch (RuntimeException e) {
        LOG.atError().addKeyValue("run", a.run()).setCause(e).log("claim cannot be given up");
      }
    }
  }

  private void abandon(Attempt a, Run run) {
    ledger
        .attempts()
        .abandon(
            a.ref(),
            new Abandonment(
                Reasons.CLUSTER_SILENT,
                "cluster %s has not been heard of".formatted(a.clusterId()),
                BudgetCharge.NONE),
            RequestJson.read(run.definition().request()).retryPolicy());
  }

  private void releaseHeld() {
    Map<String, Boolean> served = new HashMap<>();
    for (Run run : ledger.queries().heldFor(Reasons.NAMESPACE_MISSING, BATCH)) {
      if (served.computeIfAbsent(run.key().namespace(), n -> isServed(run.key()))) {
        ledger
            .runs()
            .release(run.key(), Reasons.NAMESPACE_MISSING)
            .ifPresent(r -> wake.accept(r.key()));
      }
    }
    objectDeletions.releaseUnrecorded();
  }

  /** Whether the namespace of this run is there, and its PipelineRuns may be read. */
  private boolean isServed(RunKey run) {
    if (kube.namespace(run.namespace()) != NamespaceState.ACTIVE || !kube.crdEstablished()) {
      return false;
    }
    try {
      kube.run(run, Freshness.LIVE);
      return true;
    } catch (KubeForbidden e) {
      return false;
    }
  }

  private Report repair(ClusterSweep.Found found) {
    List<AdmitKey> freed = ledger.maintenance().freeStaleHolders(BATCH);
    LedgerMaintenance.Audit audit = ledger.maintenance().auditHeads(auditCursor, BATCH);
    auditCursor = audit.next();
    List<AdmitKey> corrected = audit.corrected();
    if (!freed.isEmpty() || !corrected.isEmpty()) {
      LOG.atError()
          .addKeyValue("holders", freed)
          .addKeyValue("heads", corrected)
          .log("repaired rows of the ledger that contradicted each other");
    }
    return new Report(
        found.orphanedJobs(),
        found.orphanedPods(),
        found.unboundOpenPods(),
        freed.size(),
        corrected.size(),
        objectDeletions.unconfirmed(),
        found.blocked());
  }
}
