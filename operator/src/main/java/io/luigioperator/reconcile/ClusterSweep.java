/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.luigioperator.job.Kube;
import io.luigioperator.job.Kube.Freshness;
import io.luigioperator.job.KubeRefused;
import io.luigioperator.ledger.Ledger;
import io.luigioperator.ledger.LedgerQueries.TokenLookup;
import io.luigioperator.run.AdmitKey;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.AttemptState;
import io.luigioperator.run.ObservedAttempt.ObservedJob;
import io.luigioperator.run.ObservedAttempt.ObservedPod;
import io.luigioperator.run.Verdict;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The part of the sweep that compares the Jobs and pods of this cluster with the ledger. Not
 * thread-safe.
 *
 * <p>The cost of a pass does not grow with the number of finished Jobs, which stay for an hour to a
 * day. Jobs come from the informers' cache, because whole Jobs are large and every pass would list
 * them again. A cache may lag, and that is safe here:
 *
 * <ul>
 *   <li>A Job that the cache does not show yet is found by a later pass.
 *   <li>A Job is deleted by UID, because of the row of its attempt, which is read after the cache.
 *       If the Job does not exist any more, the request changes nothing.
 *   <li>Nothing is concluded from a Job that the cache does not show: a gated pod that names a Job
 *       as its owner is left to the garbage collector of Kubernetes, which deletes it when that Job
 *       does not exist.
 * </ul>
 *
 * <p>The ledger is asked once about each finished Job whose attempt has ended, because an ended
 * attempt does not change. The answer is kept in memory only: after a restart the first pass asks
 * again. Pods are listed live, but without those that have ended.
 */
final class ClusterSweep {

  private static final Logger LOG = LoggerFactory.getLogger(ClusterSweep.class);

  /** A Job without an attempt is kept this long, because a request to create it may be late. */
  private static final Duration ORPHAN_AGE = Duration.ofMinutes(5);

  /**
   * What one pass found.
   *
   * @param orphanedJobs Jobs deleted that belong to no attempt
   * @param orphanedPods gated pods deleted that can never start
   * @param unboundOpenPods pods deleted whose gate was open although no live attempt was bound to
   *     them
   * @param blocked keys of the attempts of such pods that still run
   */
  record Found(int orphanedJobs, int orphanedPods, int unboundOpenPods, Set<AdmitKey> blocked) {

    static final Found NOTHING = new Found(0, 0, 0, Set.of());

    /** With the numbers of an earlier pass that was not reported. */
    Found plus(Found earlier) {
      return new Found(
          orphanedJobs + earlier.orphanedJobs,
          orphanedPods + earlier.orphanedPods,
          unboundOpenPods + earlier.unboundOpenPods,
          blocked);
    }
  }

  private final Ledger ledger;
  private final Kube kube;
  private final Sweep.Retention retention;

  /** When the Jobs of ended attempts are to be deleted, by UID. Only Jobs that the cache shows. */
  private final Map<String, Instant> jobExpiry = new HashMap<>();

  ClusterSweep(Ledger ledger, Kube kube, Sweep.Retention retention) {
    this.ledger = ledger;
    this.kube = kube;
    this.retention = retention;
  }

  /** Reads pods and Jobs before the ledger, so that the ledger shows the claim of each of them. */
  Found pass(Instant now) {
    List<ObservedPod> pods = kube.activePods();
    List<ObservedJob> jobs = jobsToCheck(now);
    TokenLookup attempts =
        ledger
            .queries()
            .attemptsByToken(
                Stream.concat(
                        jobs.stream().map(ObservedJob::token),
                        pods.stream().map(ObservedPod::token))
                    .distinct()
                    .toList());
    int orphanedJobs = 0;
    for (ObservedJob job : jobs) {
      if (attempts.unreadable().contains(job.token())) {
        continue; // of an attempt that a newer operator in this cluster made: not orphaned
      }
      orphanedJobs += sweepJob(job, attempts.attempt(job.token()), now);
    }
    int orphanedPods = 0;
    int unboundOpen = 0;
    Set<AdmitKey> blocked = new HashSet<>();
    for (ObservedPod pod : pods) {
      if (attempts.unreadable().contains(pod.token())) {
        continue;
      }
      Optional<Attempt> attempt = attempts.attempt(pod.token());
      if (attempt.filter(a -> isBoundAndLive(a, pod)).isPresent()) {
        continue;
      }
      if (pod.gated()) {
        orphanedPods += sweepGated(pod, attempt);
        continue;
      }
      Optional<ObservedPod> running = stillRunning(pod, attempt);
      if (running.isPresent()) {
        attempt.filter(a -> !a.isBoundTo(pod.uid())).map(Attempt::admitKey).ifPresent(blocked::add);
        unboundOpen += stopUnbound(running.get());
      }
    }
    return new Found(orphanedJobs, orphanedPods, unboundOpen, Set.copyOf(blocked));
  }

  /** Jobs that may be orphaned, or whose retention time has passed. */
  private List<ObservedJob> jobsToCheck(Instant now) {
    List<ObservedJob> jobs = kube.cachedJobs();
    jobExpiry.keySet().retainAll(jobs.stream().map(ObservedJob::uid).collect(Collectors.toSet()));
    return jobs.stream()
        .filter(j -> !now.isBefore(jobExpiry.getOrDefault(j.uid(), Instant.MIN)))
        .toList();
  }

  /**
   * Deletes a gated pod that can never start. It is kept while its attempt is live, because the Job
   * would fail with it. It is also kept while its Job has no attempt, until that Job is deleted.
   */
  private int sweepGated(ObservedPod pod, Optional<Attempt> attempt) {
    boolean ended = attempt.filter(a -> !a.isLive()).isPresent();
    boolean stays = pod.terminating() || !ended && !pod.jobUid().isEmpty();
    return !stays && deleted(() -> kube.deletePod(pod.namespace(), pod.name(), pod.uid())) ? 1 : 0;
  }

  /**
   * The pod as it is now, if it still runs. The list was read before the ledger, so the pod may
   * have ended or been deleted in between, and its attempt may have ended.
   */
  private Optional<ObservedPod> stillRunning(ObservedPod pod, Optional<Attempt> attempt) {
    try {
      return attempt
          .map(a -> kube.attempt(a, Freshness.LIVE).pod(pod.uid()))
          .orElse(Optional.of(pod))
          .filter(p -> !p.terminal() && !p.gone());
    } catch (KubeRefused e) {
      return Optional.of(pod);
    }
  }

  private int stopUnbound(ObservedPod pod) {
    if (pod.terminating()) {
      return 0; // it was logged and deleted in an earlier pass
    }
    LOG.atError()
        .addKeyValue("pod", pod.namespace() + "/" + pod.name())
        .addKeyValue("uid", pod.uid())
        .log("deleting a pod whose gate was opened although no live attempt is bound to it");
    return deleted(() -> kube.deletePod(pod.namespace(), pod.name(), pod.uid())) ? 1 : 0;
  }

  /**
   * Deletes an object, but continues the pass if that is refused.
   *
   * @return whether the request was sent
   */
  private static boolean deleted(Runnable deletion) {
    try {
      deletion.run();
      return true;
    } catch (KubeRefused e) {
      LOG.atWarn()
          .addKeyValue("error", e.getMessage())
          .log("the API server refuses the deletion; the object is kept");
      return false;
    }
  }

  private int sweepJob(ObservedJob job, Optional<Attempt> attempt, Instant now) {
    boolean bound =
        attempt.flatMap(Attempt::binding).filter(b -> b.jobUid().equals(job.uid())).isPresent();
    if (bound) {
      attempt.flatMap(Attempt::end).ifPresent(end -> deleteWhenExpired(job, end, now));
      return 0;
    }
    boolean claimed = attempt.filter(a -> a.state() == AttemptState.CLAIMED).isPresent();
    if (claimed || now.isBefore(job.createdAt().plus(ORPHAN_AGE))) {
      return 0;
    }
    boolean stripped = job.active() > 0 && !job.token().isEmpty();
    if (stripped) {
      deleted(
          () ->
              deleteStrippedPods(
                  job)); // before the Job, because without it nothing would lead to them
    }
    if (!deleted(() -> kube.deleteJob(job))) {
      return 0;
    }
    if (stripped) {
      deleted(() -> deleteStrippedPods(job)); // created in between
    }
    return 1;
  }

  /** Those without labels and owner, which neither a list nor the garbage collector finds. */
  private void deleteStrippedPods(ObservedJob job) {
    for (ObservedPod pod : kube.podsWithToken(job.namespace(), job.token())) {
      if (pod.gated() && pod.jobUid().isEmpty() && !pod.terminating()) {
        deleted(() -> kube.deletePod(pod.namespace(), pod.name(), pod.uid()));
      }
    }
  }

  private void deleteWhenExpired(ObservedJob job, Attempt.End end, Instant now) {
    Duration stays =
        end.reason().equals(Verdict.SUCCEEDED.reason()) ? retention.jobs() : retention.failedJobs();
    Instant expiry = end.endedAt().plus(stays);
    jobExpiry.put(job.uid(), expiry);
    if (!now.isBefore(expiry)) {
      deleted(() -> kube.deleteJob(job));
    }
  }

  private static boolean isBoundAndLive(Attempt attempt, ObservedPod pod) {
    return attempt.isLive() && attempt.isBoundTo(pod.uid());
  }
}
