/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.luigioperator.job.Kube;
import io.luigioperator.job.Kube.Freshness;
import io.luigioperator.job.Kube.NamespaceState;
import io.luigioperator.ledger.Ledger;
import io.luigioperator.ledger.Ledger.ObjectRecord;
import io.luigioperator.ledger.Ledger.Recorded;
import io.luigioperator.run.Abandonment;
import io.luigioperator.run.Abandonment.Blame;
import io.luigioperator.run.AdmitKey;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.AttemptSeen.JobSeen;
import io.luigioperator.run.AttemptSeen.PodSeen;
import io.luigioperator.run.AttemptState;
import io.luigioperator.run.DeletionRule;
import io.luigioperator.run.Reasons;
import io.luigioperator.run.RequestJson;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunObject;
import io.luigioperator.run.Verdict;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Collectors;
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

  /** A request to create a Job, or the Job controller, may be late by this much. */
  private static final Duration STRAY_AGE = Duration.ofMinutes(5);

  /** Other clusters' claims are given up when they have not been heard of for so long. */
  private static final Duration CLUSTER_SILENCE = Duration.ofSeconds(60);

  /**
   * What stays, and for how long.
   *
   * @param jobs of attempts that succeeded
   * @param failedJobs of attempts that did not
   * @param history of attempts and requests in the ledger
   */
  public record Retention(Duration jobs, Duration failedJobs, Duration history) {}

  /** What one pass mended; all zero in a quiet installation. */
  public record Report(
      int strayJobs, int strayPods, int unboundOpenPods, int staleHolders, int heads) {}

  private final Ledger ledger;
  private final Kube kube;
  private final String clusterId;
  private final Retention retention;
  private final RunDriver driver;
  private final Consumer<RunKey> wake;
  private Optional<AdmitKey> auditCursor = Optional.empty();

  /**
   * @param wake told of runs that moved; has them looked at soon, on another thread
   */
  public Sweep(
      Ledger ledger,
      Kube kube,
      String clusterId,
      Retention retention,
      RunDriver driver,
      Consumer<RunKey> wake) {
    this.ledger = ledger;
    this.kube = kube;
    this.clusterId = clusterId;
    this.retention = retention;
    this.driver = driver;
    this.wake = wake;
  }

  /** One pass over everything; one at a time. */
  public Report pass() {
    Instant now = ledger.now();
    for (Attempt a : ledger.liveAttempts(clusterId)) {
      driver.drive(a.run());
    }
    concludeDeletions();
    due();
    ledger.expire(BATCH).forEach(r -> wake.accept(r.key()));
    abandonSilentClaims();
    releaseHeld();
    Report report = sweepCluster(now);
    ledger.purge(now.minus(retention.history()), BATCH);
    return report;
  }

  /** Moves the runs whose time has come. */
  public void due() {
    List<Run> moved;
    do {
      moved = ledger.due(BATCH);
      moved.forEach(r -> wake.accept(r.key()));
    } while (moved.size() == BATCH);
  }

  // ---- deletions

  /**
   * Cancels the runs whose objects users deleted. Absence counts only by a live read of this
   * cluster, whose identity, CRD and namespaces are the known ones.
   */
  public void concludeDeletions() {
    String identity = kube.identity();
    if (!ledger.heartbeat(clusterId, identity).equals(identity)) {
      LOG.atWarn()
          .addKeyValue("cluster", clusterId)
          .log("cluster was rebuilt: its objects are new");
      ledger.adopt(clusterId, identity);
      return;
    }
    List<Recorded> recorded = recorded();
    List<RunKey> gone = gone(recorded);
    if (DeletionRule.isMass(recorded.size(), gone.size())) {
      LOG.atError()
          .addKeyValue("gone", gone.size())
          .addKeyValue("recorded", recorded.size())
          .log("too many PipelineRuns are gone at once: nothing is concluded, a person must look");
    }
    for (RunKey key : DeletionRule.concluded(recorded.size(), gone)) {
      ledger
          .cancel(key, Reasons.DELETED, "its PipelineRun was deleted")
          .ifPresent(r -> driver.drive(r.key()));
    }
  }

  private List<Recorded> recorded() {
    List<Recorded> all = new ArrayList<>();
    List<Recorded> page;
    do {
      Optional<RunKey> last = all.isEmpty() ? Optional.empty() : Optional.of(all.getLast().run());
      page = ledger.recordedObjects(clusterId, last, BATCH);
      all.addAll(page);
    } while (page.size() == BATCH);
    return all;
  }

  private List<RunKey> gone(List<Recorded> recorded) {
    Map<String, NamespaceState> namespaces = new HashMap<>();
    List<RunKey> gone = new ArrayList<>();
    for (Recorded r : recorded) {
      if (isThere(kube.run(r.run(), Freshness.CACHED), r)) {
        continue;
      }
      boolean namespaceStays =
          namespaces.computeIfAbsent(r.run().namespace(), kube::namespace) == NamespaceState.ACTIVE;
      if (namespaceStays && !isThere(kube.run(r.run(), Freshness.LIVE), r)) {
        gone.add(r.run());
      }
    }
    return gone.isEmpty() || kube.crdEstablished() ? gone : List.of();
  }

  private static boolean isThere(Optional<RunObject> object, Recorded recorded) {
    return object.filter(o -> o.uid().equals(recorded.object().uid()) && !o.deleting()).isPresent();
  }

  // ---- runs that wait for a fact

  private void abandonSilentClaims() {
    for (Attempt a : ledger.abandonedClaims(CLUSTER_SILENCE, BATCH)) {
      ledger
          .load(a.run(), clusterId)
          .ifPresent(
              r ->
                  ledger.abandon(
                      a.ref(),
                      new Abandonment(
                          Reasons.CLUSTER_SILENT,
                          "cluster %s has not been heard of".formatted(a.clusterId()),
                          Blame.NOBODY),
                      RequestJson.read(r.run().origin().request()).retryPolicy()));
    }
  }

  private void releaseHeld() {
    for (Run run : ledger.heldFor(Reasons.NAMESPACE_MISSING, BATCH)) {
      if (kube.namespace(run.key().namespace()) == NamespaceState.ACTIVE && kube.crdEstablished()) {
        ledger.release(run.key(), Reasons.NAMESPACE_MISSING).ifPresent(r -> wake.accept(r.key()));
      }
    }
    for (Run run : ledger.heldFor(Reasons.DELETION_UNCONFIRMED, BATCH)) {
      kube.run(run.key(), Freshness.LIVE)
          .filter(o -> !o.deleting())
          .ifPresent(
              o -> {
                ledger.recordObject(
                    run.key(), new ObjectRecord(clusterId, o.uid(), o.generation()));
                ledger
                    .release(run.key(), Reasons.DELETION_UNCONFIRMED)
                    .ifPresent(r -> wake.accept(r.key()));
              });
    }
  }

  // ---- what stands in the cluster

  /**
   * Jobs and pods are listed first and then compared with the ledger, never the other way round.
   */
  private Report sweepCluster(Instant now) {
    List<JobSeen> jobs = kube.jobs();
    List<PodSeen> pods = kube.pods();
    Set<String> jobUids =
        jobs.stream().map(JobSeen::uid).collect(Collectors.toCollection(HashSet::new));
    int strayJobs = 0;
    for (JobSeen job : jobs) {
      strayJobs += sweepJob(job, now);
    }
    int strayPods = 0;
    int unboundOpen = 0;
    for (PodSeen pod : pods) {
      if (pod.terminating() || pod.terminal()) {
        continue;
      }
      Optional<Attempt> attempt = attempt(pod.token());
      boolean bound = attempt.filter(a -> isBoundAndLive(a, pod)).isPresent();
      boolean ended = attempt.filter(a -> !a.isLive()).isPresent();
      if (!bound && !pod.gated()) {
        LOG.atError()
            .addKeyValue("pod", pod.namespace() + "/" + pod.name())
            .addKeyValue("uid", pod.uid())
            .log("a pod runs that no live attempt is bound to: deleted");
        kube.deletePod(pod.namespace(), pod.name(), pod.uid());
        unboundOpen++;
      } else if (!bound && (ended || !jobUids.contains(pod.jobUid()))) {
        // while the attempt lives its second pod stays: losing it would fail the whole Job
        kube.deletePod(pod.namespace(), pod.name(), pod.uid());
        strayPods++;
      }
    }
    List<AdmitKey> freed = ledger.freeStaleHolders(BATCH);
    Ledger.Audit audit = ledger.auditHeads(auditCursor, BATCH);
    auditCursor = audit.next();
    List<AdmitKey> corrected = audit.corrected();
    if (!freed.isEmpty() || !corrected.isEmpty()) {
      LOG.atError()
          .addKeyValue("holders", freed)
          .addKeyValue("heads", corrected)
          .log("the ledger had to be mended");
    }
    return new Report(strayJobs, strayPods, unboundOpen, freed.size(), corrected.size());
  }

  private int sweepJob(JobSeen job, Instant now) {
    Optional<Attempt> attempt = attempt(job.token());
    boolean its =
        attempt.flatMap(Attempt::binding).filter(b -> b.jobUid().equals(job.uid())).isPresent();
    if (its) {
      if (attempt.flatMap(Attempt::end).filter(e -> isPast(e, now)).isPresent()) {
        kube.deleteJob(job);
      }
      return 0;
    }
    boolean claimed = attempt.filter(a -> a.state() == AttemptState.CLAIMED).isPresent();
    if (claimed || now.isBefore(job.createdAt().plus(STRAY_AGE))) {
      return 0;
    }
    kube.deleteJob(job);
    return 1;
  }

  private boolean isPast(Attempt.End end, Instant now) {
    Duration stays =
        end.reason().equals(Verdict.SUCCEEDED.reason()) ? retention.jobs() : retention.failedJobs();
    return !now.isBefore(end.endedAt().plus(stays));
  }

  private Optional<Attempt> attempt(String token) {
    return token.isEmpty() ? Optional.empty() : ledger.attemptByToken(token);
  }

  private static boolean isBoundAndLive(Attempt attempt, PodSeen pod) {
    return attempt.isLive() && attempt.isBoundTo(pod.uid());
  }
}
