/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.luigioperator.admission.UnansweredCalls;
import io.luigioperator.job.Kube;
import io.luigioperator.job.Kube.Freshness;
import io.luigioperator.job.Kube.NamespaceState;
import io.luigioperator.job.KubeRefused;
import io.luigioperator.ledger.Ledger;
import io.luigioperator.ledger.LedgerMaintenance;
import io.luigioperator.ledger.LedgerUnavailable;
import io.luigioperator.run.Abandonment;
import io.luigioperator.run.Abandonment.BudgetCharge;
import io.luigioperator.run.AdmitKey;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.ClusterIdentity;
import io.luigioperator.run.Ending;
import io.luigioperator.run.FailureCause;
import io.luigioperator.run.Presence;
import io.luigioperator.run.Reasons;
import io.luigioperator.run.RequestJson;
import io.luigioperator.run.RetryPolicy;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Gatherers;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Compares the ledger with the objects of this cluster and repairs the differences. It finds
 * everything that a crash, a lost event or a manual change left unfinished within one interval.
 * Normally events trigger all work, so nothing waits for a sweep.
 */
public final class Sweep {

  private static final Logger LOG = LoggerFactory.getLogger(Sweep.class);
  private static final int BATCH = 200;
  private static final int RECONCILED_AT_ONCE = 50;

  /**
   * How long finished objects are kept.
   *
   * @param jobs Jobs of attempts that succeeded
   * @param failedJobs Jobs of other attempts
   * @param history attempts and requests in the ledger
   */
  public record Retention(Duration jobs, Duration failedJobs, Duration history) {}

  /**
   * What one pass repaired or found. All numbers are 0 if nothing was wrong.
   *
   * @param orphanedJobs Jobs deleted that belong to no attempt
   * @param orphanedPods gated pods deleted that can never start
   * @param unboundOpenPods pods deleted whose gate was open although no live attempt was bound to
   *     them
   * @param staleHolders keys freed whose holder had no live attempt
   * @param heads keys whose next_admit_at was corrected
   * @param unconfirmedDeletions runs held until their objects exist again or a person confirms the
   *     deletions
   * @param blocked keys that must not be claimed, because an unbound pod of one of their attempts
   *     still runs; empty if the pass could not find out
   * @param failure the first error of a step, after which the other steps were done
   */
  public record Result(
      int orphanedJobs,
      int orphanedPods,
      int unboundOpenPods,
      int staleHolders,
      int heads,
      int unconfirmedDeletions,
      Optional<Set<AdmitKey>> blocked,
      Optional<RuntimeException> failure) {

    public Result {
      blocked = blocked.map(Set::copyOf);
    }
  }

  /**
   * The steps of one pass. Each is done whatever happened to the others, so that two runs whose
   * requests get no answer, or a store that fails in one step, do not keep the rest from being
   * repaired.
   */
  private static final class Steps {
    private Optional<RuntimeException> failure = Optional.empty();

    void run(String name, Runnable step) {
      call(
          name,
          () -> {
            step.run();
            return true;
          });
    }

    <T> Optional<T> call(String name, Supplier<T> step) {
      try {
        return Optional.of(step.get());
      } catch (RuntimeException e) {
        LOG.atWarn()
            .addKeyValue("step", name)
            .addKeyValue("error", e.getMessage())
            .log("a step of the sweep failed; the next sweep repeats it");
        failure = failure.or(() -> Optional.of(e));
        return Optional.empty();
      }
    }
  }

  private final Ledger ledger;
  private final Kube kube;
  private final String cluster;
  private final Retention retention;
  private final RunReconciler runReconciler;
  private final Consumer<RunKey> wake;
  private final ObjectDeletions objectDeletions;
  private final ClusterSweep clusterSweep;
  private final HeldRuns heldRuns;
  private final RetiredNamespaces retiredNamespaces;
  private final ScheduleLimits scheduleLimits;

  /** What {@link #blockedKeys} found and the next pass reports. */
  private ClusterSweep.Found unreported = ClusterSweep.Found.NOTHING;

  /** The runs with a live attempt in another cluster, by its token, as of the last pass. */
  private final Map<String, RunKey> elsewhere = new HashMap<>();

  private Optional<AdmitKey> auditCursor = Optional.empty();
  private Optional<LedgerMaintenance.TickCursor> tickCursor = Optional.empty();

  /**
   * @param retiredNamespaces reads the namespaces that a person has declared gone, and when; live
   * @param wake called for each run that has changed; must have it reconciled soon on another
   *     thread
   */
  public Sweep(
      Ledger ledger,
      Kube kube,
      String cluster,
      Retention retention,
      RunReconciler runReconciler,
      ScheduleLimits scheduleLimits,
      Supplier<Map<String, Instant>> retiredNamespaces,
      Consumer<RunKey> wake) {
    this.ledger = ledger;
    this.kube = kube;
    this.cluster = cluster;
    this.retention = retention;
    this.runReconciler = runReconciler;
    this.scheduleLimits = scheduleLimits;
    this.wake = wake;
    this.objectDeletions = new ObjectDeletions(ledger, kube, cluster, runReconciler, wake);
    this.heldRuns = new HeldRuns(ledger.queries());
    this.retiredNamespaces = new RetiredNamespaces(ledger, kube, cluster, retiredNamespaces, wake);
    this.clusterSweep = new ClusterSweep(ledger, kube, retention);
  }

  /** Forgets what an earlier leadership of this process found. */
  public void leadershipBegins() {
    objectDeletions.leadershipBegins();
  }

  /**
   * Looks only for the keys that must not be claimed, as a pass does, so that a new leader knows
   * them before its first claim.
   *
   * @return empty if they could not be found out
   */
  public Optional<Set<AdmitKey>> blockedKeys() {
    Optional<ClusterSweep.Found> found =
        new Steps().call("Jobs and pods", () -> clusterSweep.pass(ledger.queries().now()));
    found.ifPresent(f -> unreported = f.plus(unreported));
    return found.map(ClusterSweep.Found::blocked);
  }

  /**
   * Runs one pass. Two passes must not run at the same time.
   *
   * @throws LedgerUnavailable if even the time cannot be read; otherwise errors are in the result
   */
  public Result pass() {
    Instant now = ledger.queries().now();
    Steps steps = new Steps();
    steps.run("live attempts", this::reconcileLiveAttempts);
    steps.run("deletions", this::concludeDeletions);
    steps.run("runs that become due", this::due);
    steps.run(
        "start deadlines",
        () -> ledger.maintenance().expire(BATCH).forEach(r -> wake.accept(r.key())));
    steps.run("claims of silent clusters", this::abandonClaimsOfSilentClusters);
    steps.run("attempts of retired clusters", this::endAttemptsOfRetiredClusters);
    steps.run("held runs", this::releaseHeld);
    steps.run("runs of retired namespaces", retiredNamespaces::cancelHeld);
    steps.run("limits of schedules", scheduleLimits::sweep);
    steps.run("waiting runs", this::refreshWaiting);
    steps.run("runs in other clusters", this::refreshElsewhere);
    Optional<ClusterSweep.Found> found =
        steps.call("Jobs and pods", () -> clusterSweep.pass(now)).map(f -> f.plus(unreported));
    if (found.isPresent()) {
      unreported = ClusterSweep.Found.NOTHING;
    }
    Optional<Repaired> repaired = steps.call("rows of the ledger", this::repair);
    steps.run("ticks", this::auditTicks);
    steps.run("history", () -> purge(now.minus(retention.history())));
    return new Result(
        found.map(ClusterSweep.Found::orphanedJobs).orElse(0),
        found.map(ClusterSweep.Found::orphanedPods).orElse(0),
        found.map(ClusterSweep.Found::unboundOpenPods).orElse(0),
        repaired.map(Repaired::holders).orElse(0),
        repaired.map(Repaired::heads).orElse(0),
        objectDeletions.unconfirmed(),
        found.map(ClusterSweep.Found::blocked),
        steps.failure);
  }

  private void purge(Instant finishedBefore) {
    int runs = ledger.maintenance().purge(finishedBefore, BATCH);
    if (runs > 0) {
      LOG.atInfo().addKeyValue("runs", runs).log("purged the history of finished runs");
    }
  }

  /** What is broken is reported by the ledger; nothing can be repaired. */
  private void auditTicks() {
    tickCursor = ledger.maintenance().auditTicks(tickCursor, BATCH).next();
  }

  private void reconcileLiveAttempts() {
    UnansweredCalls unanswered = new UnansweredCalls();
    List<RunKey> runs = ledger.queries().liveAttempts(cluster).stream().map(Attempt::run).toList();
    runs.stream()
        .gather(Gatherers.windowFixed(RECONCILED_AT_ONCE))
        .forEach(some -> runReconciler.reconcileNow(some).forEach(unanswered::next));
  }

  /** Wakes the waiting runs whose condition names an outdated reason. */
  private void refreshWaiting() {
    runReconciler.outdatedWaiting(BATCH).forEach(wake);
  }

  /**
   * Wakes the runs whose attempt began or ended in another cluster since the last pass. No event in
   * this cluster shows that their status is outdated.
   */
  private void refreshElsewhere() {
    Set<String> live = new HashSet<>();
    List<Attempt> page = List.of();
    do {
      Optional<AdmitKey> last =
          page.isEmpty() ? Optional.empty() : Optional.of(page.getLast().admitKey());
      page = ledger.queries().attemptsElsewhere(cluster, last, BATCH);
      for (Attempt a : page) {
        live.add(a.token());
        if (elsewhere.put(a.token(), a.run()) == null) {
          wake.accept(a.run());
        }
      }
    } while (!page.isEmpty()); // a page may be short, because rows of a newer version are left out
    elsewhere.entrySet().stream()
        .filter(e -> !live.contains(e.getKey()))
        .map(Map.Entry::getValue)
        .forEach(wake);
    elsewhere.keySet().retainAll(live);
  }

  /** Moves the DELAYED runs on whose time has come. */
  public void due() {
    List<Run> moved;
    do {
      moved = ledger.maintenance().due(BATCH);
      moved.forEach(scheduleLimits::changed); // the status of all of them may take long
      moved.forEach(r -> wake.accept(r.key()));
    } while (moved.size() == BATCH);
  }

  // ---- deletions

  /** Cancels the runs whose PipelineRuns users deleted; see {@link ObjectDeletions}. */
  public void concludeDeletions() {
    objectDeletions.conclude();
  }

  // ---- runs that wait for another cluster or for their namespace

  private void abandonClaimsOfSilentClusters() {
    eachOnItsOwn(
        ledger.maintenance().claimsOfSilentClusters(ClusterRegistration.EXPIRY, BATCH),
        (attempt, policy) ->
            abandon(
                attempt,
                policy,
                Reasons.CLUSTER_SILENT,
                "cluster %s has sent no heartbeat for at least %d s"
                    .formatted(
                        ClusterIdentity.clusterIdOf(attempt.cluster()),
                        ClusterRegistration.EXPIRY.toSeconds())));
  }

  /** A person has declared that nothing of these clusters runs any more; there is no evidence. */
  private void endAttemptsOfRetiredClusters() {
    eachOnItsOwn(
        ledger.maintenance().attemptsOfRetiredClusters(BATCH),
        (attempt, policy) -> {
          String message =
              "a person retired its cluster, %s"
                  .formatted(ClusterIdentity.clusterIdOf(attempt.cluster()));
          if (attempt.binding().isEmpty()) {
            abandon(attempt, policy, Reasons.CLUSTER_RETIRED, message);
            return;
          }
          ledger
              .attempts()
              .finish(
                  attempt.ref(),
                  attempt.binding().get().podUid(),
                  Ending.of(FailureCause.CLUSTER_RETIRED, message),
                  policy,
                  Presence.PRESENT);
        });
  }

  private void eachOnItsOwn(List<Attempt> attempts, BiConsumer<Attempt, RetryPolicy> action) {
    for (Attempt a : attempts) {
      try {
        ledger
            .queries()
            .load(a.run(), cluster)
            .run(a.run())
            .ifPresent(
                r -> {
                  action.accept(a, RequestJson.read(r.run().definition().request()).retryPolicy());
                  wake.accept(a.run());
                });
      } catch (LedgerUnavailable e) {
        throw e;
      } catch (RuntimeException e) {
        LOG.atError()
            .addKeyValue("run", a.run())
            .setCause(e)
            .log("attempt of another cluster cannot be ended");
      }
    }
  }

  private void abandon(Attempt a, RetryPolicy policy, String reason, String message) {
    ledger.attempts().abandon(a.ref(), new Abandonment(reason, message, BudgetCharge.NONE), policy);
  }

  private void releaseHeld() {
    Map<String, Boolean> served = new HashMap<>();
    for (Run run : heldRuns.next(Reasons.NAMESPACE_MISSING)) {
      if (served.computeIfAbsent(run.key().namespace(), n -> isServed(run.key()))) {
        ledger
            .runs()
            .release(run.key(), Reasons.NAMESPACE_MISSING)
            .ifPresent(r -> wake.accept(r.key()));
      }
    }
    objectDeletions.releaseUnrecorded();
  }

  /** Whether the namespace of this run is active and the operator may read PipelineRuns there. */
  private boolean isServed(RunKey run) {
    if (kube.namespace(run.namespace()) != NamespaceState.ACTIVE || !kube.crdEstablished()) {
      return false;
    }
    try {
      kube.run(run, Freshness.LIVE);
      return true;
    } catch (KubeRefused e) {
      return false;
    }
  }

  private record Repaired(int holders, int heads) {}

  private Repaired repair() {
    List<AdmitKey> freed = ledger.maintenance().freeStaleHolders(BATCH);
    LedgerMaintenance.Audit audit = ledger.maintenance().auditHeads(auditCursor, BATCH);
    auditCursor = audit.next();
    List<AdmitKey> corrected = audit.corrected();
    if (!freed.isEmpty() || !corrected.isEmpty()) {
      LOG.atError()
          .addKeyValue("holders", freed)
          .addKeyValue("heads", corrected)
          .log("repaired inconsistent rows of the ledger");
    }
    return new Repaired(freed.size(), corrected.size());
  }
}
