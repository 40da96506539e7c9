/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.luigioperator.job.Kube;
import io.luigioperator.job.Kube.Freshness;
import io.luigioperator.job.Kube.NamespaceState;
import io.luigioperator.job.KubeForbidden;
import io.luigioperator.job.KubeUnavailable;
import io.luigioperator.ledger.Ledger;
import io.luigioperator.ledger.LedgerMaintenance.Audit;
import io.luigioperator.ledger.LedgerUnavailable;
import io.luigioperator.run.Abandonment;
import io.luigioperator.run.Abandonment.BudgetCharge;
import io.luigioperator.run.AdmitKey;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.AttemptState;
import io.luigioperator.run.ObservedAttempt.ObservedJob;
import io.luigioperator.run.ObservedAttempt.ObservedPod;
import io.luigioperator.run.Reasons;
import io.luigioperator.run.RequestJson;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.Verdict;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Looks at everything that could have been left behind, relying on no memory: what a crash, a lost
 * event or a user's hand left undone is found here within one interval. Nothing depends on it for
 * its normal speed.
 *
 * <p>The cost of a pass does not grow with the number of finished Jobs, which stay for an hour to a
 * day. Jobs come from the informers' cache, because whole Jobs are large and every pass would list
 * them again. A cache may lag, and that is safe here:
 *
 * <ul>
 *   <li>A Job that the cache does not show yet is found by a later pass.
 *   <li>A Job is deleted by UID, and because of what the ledger says about its attempt, read after
 *       the cache. If the Job is gone already, the request changes nothing.
 *   <li>Nothing is concluded from a Job that the cache does not show: a gated pod that names a Job
 *       as its owner is left to the garbage collector of Kubernetes, which deletes it when that Job
 *       does not exist.
 * </ul>
 *
 * <p>The ledger is asked once about each finished Job whose attempt has ended, because an ended
 * attempt does not change. The answer is kept in memory only: after a restart the first pass asks
 * again. Pods are listed live, but without those that have ended.
 */
public final class Sweep {

  private static final Logger LOG = LoggerFactory.getLogger(Sweep.class);
  private static final int BATCH = 200;
  private static final int SILENCES = 2;

  /** A request to create a Job, or the Job controller, may be late by this much. */
  private static final Duration STRAY_AGE = Duration.ofMinutes(5);

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
   * @param barred keys of which a pod runs that nobody chose: no claim while it does
   */
  public record Report(
      int strayJobs,
      int strayPods,
      int unboundOpenPods,
      int staleHolders,
      int heads,
      int unconfirmedDeletions,
      Set<AdmitKey> barred) {

    public Report {
      barred = Set.copyOf(barred);
    }
  }

  private final Ledger ledger;
  private final Kube kube;
  private final String clusterId;
  private final Retention retention;
  private final RunReconciler runReconciler;
  private final Consumer<RunKey> wake;
  private final ObjectDeletions objectDeletions;
  private Optional<AdmitKey> auditCursor = Optional.empty();

  /** When the Jobs of ended attempts are to be deleted, by UID. Only Jobs that the cache shows. */
  private final Map<String, Instant> jobExpiry = new HashMap<>();

  /**
   * @param wake told of runs that moved; has them looked at soon, on another thread
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
  }

  /** One pass over everything; one at a time. */
  public Report pass() {
    Instant now = ledger.queries().now();
    driveLiveAttempts();
    concludeDeletions();
    due();
    ledger.maintenance().expire(BATCH).forEach(r -> wake.accept(r.key()));
    abandonSilentClaims();
    releaseHeld();
    Report report = sweepCluster(now);
    purge(now.minus(retention.history()));
    return report;
  }

  private void purge(Instant finishedBefore) {
    int runs = ledger.maintenance().purge(finishedBefore, BATCH);
    if (runs > 0) {
      LOG.atInfo().addKeyValue("runs", runs).log("removed the history of old runs");
    }
  }

  /** One lost answer is one run's bad luck; two in a row, and the others would wait in vain. */
  private void driveLiveAttempts() {
    int silences = 0;
    for (Attempt a : ledger.queries().liveAttempts(clusterId)) {
      try {
        runReconciler.reconcileOrThrow(a.run());
        silences = 0;
      } catch (LedgerUnavailable | KubeUnavailable e) {
        if (++silences == SILENCES) {
          throw e;
        }
        LOG.atWarn()
            .addKeyValue("run", a.run())
            .addKeyValue("error", e.getMessage())
            .log("passed over: a store did not answer");
      }
    }
  }

  /** RunTransactions the runs whose time has come. */
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
            RequestJson.read(run.origin().request()).retryPolicy());
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

  // ---- what stands in the cluster

  /** Pods and Jobs are read before the ledger, so that every claim behind them is found there. */
  private Report sweepCluster(Instant now) {
    List<ObservedPod> pods = kube.activePods();
    List<ObservedJob> jobs = jobsToCheck(now);
    Map<String, Attempt> attempts =
        ledger.queries().attemptsByToken(
            Stream.concat(
                    jobs.stream().map(ObservedJob::token), pods.stream().map(ObservedPod::token))
                .distinct()
                .toList());
    int strayJobs = 0;
    for (ObservedJob job : jobs) {
      strayJobs += sweepJob(job, Optional.ofNullable(attempts.get(job.token())), now);
    }
    int strayPods = 0;
    int unboundOpen = 0;
    Set<AdmitKey> barred = new HashSet<>();
    for (ObservedPod pod : pods) {
      Optional<Attempt> attempt = Optional.ofNullable(attempts.get(pod.token()));
      if (attempt.filter(a -> isBoundAndLive(a, pod)).isPresent()) {
        continue;
      }
      if (pod.gated()) {
        strayPods += sweepGated(pod, attempt);
      } else if (isStillThere(pod, attempt)) {
        attempt.filter(a -> !a.isBoundTo(pod.uid())).map(Attempt::admitKey).ifPresent(barred::add);
        unboundOpen += stopUnbound(pod);
      }
    }
    List<AdmitKey> freed = ledger.maintenance().freeStaleHolders(BATCH);
    Audit audit = ledger.maintenance().auditHeads(auditCursor, BATCH);
    auditCursor = audit.next();
    List<AdmitKey> corrected = audit.corrected();
    if (!freed.isEmpty() || !corrected.isEmpty()) {
      LOG.atError()
          .addKeyValue("holders", freed)
          .addKeyValue("heads", corrected)
          .log("the ledger had to be mended");
    }
    return new Report(
        strayJobs,
        strayPods,
        unboundOpen,
        freed.size(),
        corrected.size(),
        objectDeletions.unconfirmed(),
        barred);
  }

  /** Jobs that may be orphaned, or whose time is over. */
  private List<ObservedJob> jobsToCheck(Instant now) {
    List<ObservedJob> jobs = kube.cachedJobs();
    jobExpiry.keySet().retainAll(jobs.stream().map(ObservedJob::uid).collect(Collectors.toSet()));
    return jobs.stream()
        .filter(j -> !now.isBefore(jobExpiry.getOrDefault(j.uid(), Instant.MIN)))
        .toList();
  }

  /**
   * A pod that can never start. While its attempt lives it stays: losing it would fail the whole
   * Job. So does the pod of a Job without an attempt, until that Job is deleted.
   */
  private int sweepGated(ObservedPod pod, Optional<Attempt> attempt) {
    boolean ended = attempt.filter(a -> !a.isLive()).isPresent();
    boolean stays = pod.terminating() || !ended && !pod.jobUid().isEmpty();
    return !stays && isAllowed(() -> kube.deletePod(pod.namespace(), pod.name(), pod.uid()))
        ? 1
        : 0;
  }

  /** The list was made before the ledger was asked: its attempt may have ended between, with it. */
  private boolean isStillThere(ObservedPod pod, Optional<Attempt> attempt) {
    try {
      return attempt
          .map(a -> kube.attempt(a, Freshness.LIVE).pod(pod.uid()))
          .orElse(Optional.of(pod))
          .filter(p -> !p.terminal() && !p.gone())
          .isPresent();
    } catch (KubeForbidden e) {
      return true;
    }
  }

  private int stopUnbound(ObservedPod pod) {
    if (pod.terminating()) {
      return 0; // was told before
    }
    LOG.atError()
        .addKeyValue("pod", pod.namespace() + "/" + pod.name())
        .addKeyValue("uid", pod.uid())
        .log("a pod runs that no live attempt is bound to: deleted");
    return isAllowed(() -> kube.deletePod(pod.namespace(), pod.name(), pod.uid())) ? 1 : 0;
  }

  /** Tells when something may not be deleted; the rest is swept all the same. */
  private static boolean isAllowed(Runnable deletion) {
    try {
      deletion.run();
      return true;
    } catch (KubeForbidden e) {
      LOG.atWarn().addKeyValue("error", e.getMessage()).log("left standing");
      return false;
    }
  }

  private int sweepJob(ObservedJob job, Optional<Attempt> attempt, Instant now) {
    boolean its =
        attempt.flatMap(Attempt::binding).filter(b -> b.jobUid().equals(job.uid())).isPresent();
    if (its) {
      attempt.flatMap(Attempt::end).ifPresent(end -> deleteWhenExpired(job, end, now));
      return 0;
    }
    boolean claimed = attempt.filter(a -> a.state() == AttemptState.CLAIMED).isPresent();
    if (claimed || now.isBefore(job.createdAt().plus(STRAY_AGE))) {
      return 0;
    }
    return isAllowed(() -> kube.deleteJob(job)) ? 1 : 0;
  }

  private void deleteWhenExpired(ObservedJob job, Attempt.End end, Instant now) {
    Duration stays =
        end.reason().equals(Verdict.SUCCEEDED.reason()) ? retention.jobs() : retention.failedJobs();
    Instant expiry = end.endedAt().plus(stays);
    jobExpiry.put(job.uid(), expiry);
    if (!now.isBefore(expiry)) {
      isAllowed(() -> kube.deleteJob(job));
    }
  }

  private static boolean isBoundAndLive(Attempt attempt, ObservedPod pod) {
    return attempt.isLive() && attempt.isBoundTo(pod.uid());
  }
}
