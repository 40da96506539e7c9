/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.luigioperator.admission.UnansweredCalls;
import io.luigioperator.job.Annotations;
import io.luigioperator.job.Kube;
import io.luigioperator.job.Kube.Freshness;
import io.luigioperator.job.Kube.NamespaceState;
import io.luigioperator.job.Kube.RunCreation;
import io.luigioperator.job.KubeRefused;
import io.luigioperator.ledger.Ledger;
import io.luigioperator.ledger.LedgerQueries.RecordedObject;
import io.luigioperator.ledger.LedgerQueries.RunRecord;
import io.luigioperator.run.ClusterIdentity;
import io.luigioperator.run.DeletionRule;
import io.luigioperator.run.ObjectRecord;
import io.luigioperator.run.Reasons;
import io.luigioperator.run.Request;
import io.luigioperator.run.RequestJson;
import io.luigioperator.run.Resolver;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunObject;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Cancels the runs whose PipelineRuns users deleted.
 *
 * <p>If the namespace or the definition of PipelineRuns is younger than a PipelineRun, it was
 * deleted with the former one. Its run is held, too, however few they are, until a user applies the
 * PipelineRun again. One that the operator had created is in no file of a user: it is forgotten, so
 * that it is created again when its run starts.
 *
 * <p>A PipelineRun is missing only if a live read does not return it while its namespace is active
 * and the CRD is served. If a few are missing, users deleted them, and their runs are canceled. If
 * many are missing at once (see {@link DeletionRule}), the cause may be a fault: their runs are
 * held, so that they block no other run, until the PipelineRuns exist again or a person confirms
 * the deletions.
 */
final class ObjectDeletions {
  private static final Logger LOG = LoggerFactory.getLogger(ObjectDeletions.class);
  private static final int BATCH = 200;

  /**
   * Bound on the confirmed deletions, and on the runs held, of one pass; the next one continues.
   */
  private static final int CONFIRMED_AT_ONCE = 1000;

  /** A confirmation covers what is missing now. It must not cover a fault that happens later. */
  private static final Duration CONFIRMATION_VALIDITY = Duration.ofHours(1);

  private static final String HOW_TO_CONFIRM =
      "create it again, or confirm the deletions in its namespace: kubectl annotate --overwrite"
          + " namespace %s "
          + Annotations.DELETIONS_CONFIRMED
          + "=$(date -u +%%Y-%%m-%%dT%%H:%%M:%%SZ)";

  private static final String HELD_MESSAGE =
      "its PipelineRun is missing, as are many others; " + HOW_TO_CONFIRM;

  private static final String RECREATED_MESSAGE =
      "its PipelineRun was deleted together with its namespace or with the definition of"
          + " PipelineRuns, which exist again; "
          + HOW_TO_CONFIRM;

  private final Ledger ledger;
  private final Kube kube;
  private final String cluster;
  private final RunReconciler runReconciler;
  private final Consumer<RunKey> wake;

  /**
   * Whether PipelineRuns of a mass deletion are still to be held. If so, those that are left belong
   * to it, however few they are.
   */
  private enum MassDeletion {
    /**
     * No pass has finished yet since the leadership began. If runs are held, the previous leader
     * may have stopped while it held them.
     */
    UNKNOWN,
    IN_PROGRESS,
    /** The runs of all missing PipelineRuns are held; later deletions are counted anew. */
    NONE
  }

  private final HeldRuns heldRuns;
  private MassDeletion massDeletion = MassDeletion.UNKNOWN;
  private volatile boolean leadershipBegan;
  private volatile int unconfirmed;

  ObjectDeletions(
      Ledger ledger,
      Kube kube,
      String cluster,
      RunReconciler runReconciler,
      Consumer<RunKey> wake) {
    this.ledger = ledger;
    this.kube = kube;
    this.cluster = cluster;
    this.runReconciler = runReconciler;
    this.wake = wake;
    this.heldRuns = new HeldRuns(ledger.queries());
  }

  /** Forgets what an earlier leadership of this process found. */
  void leadershipBegins() {
    leadershipBegan = true; // read by the next pass, because an old pass may still be in progress
  }

  /** Runs that are held until a person confirms the deletions, as counted by the last pass. */
  int unconfirmed() {
    return unconfirmed;
  }

  /** What one pass has read about namespaces. */
  private final class Namespaces {
    private final Instant now;
    private final Map<String, NamespaceState> states = new HashMap<>();
    private final Map<String, Boolean> confirmations = new HashMap<>();
    private final Map<String, Instant> servedSince = new HashMap<>();

    Namespaces(Instant now) {
      this.now = now;
    }

    /** False if it is unknown, because the namespace is not active or must not be read. */
    boolean isMissing(RecordedObject r) {
      if (exists(kube.run(r.run(), Freshness.CACHED), r)
          || states.computeIfAbsent(r.run().namespace(), kube::namespace)
              != NamespaceState.ACTIVE) {
        return false;
      }
      try {
        return !exists(kube.run(r.run(), Freshness.LIVE), r);
      } catch (KubeRefused e) {
        LOG.atWarn()
            .addKeyValue("namespace", r.run().namespace())
            .addKeyValue("error", e.getMessage())
            .log("PipelineRuns cannot be read in this namespace; deletions there are ignored");
        states.put(r.run().namespace(), NamespaceState.ABSENT);
        return false;
      }
    }

    /**
     * Whether the namespace or the definition was created after the object, so that the object was
     * deleted together with the former one, and not by itself. Both times are of the API server.
     */
    boolean wasRecreated(RecordedObject r) {
      return servedSince
          .computeIfAbsent(r.run().namespace(), kube::servedSince)
          .isAfter(r.object().createdAt());
    }

    boolean isConfirmed(RunKey run) {
      return confirmations.computeIfAbsent(
          run.namespace(),
          namespace ->
              kube.deletionsConfirmed(namespace)
                  .filter(t -> isValidConfirmation(t, now))
                  .isPresent());
    }
  }

  /** Whether a person who confirmed deletions then means what is missing now. */
  static boolean isValidConfirmation(Instant confirmed, Instant now) {
    return Duration.between(confirmed, now).abs().compareTo(CONFIRMATION_VALIDITY) <= 0;
  }

  /**
   * The runs whose namespace is still active. The namespaces are read again, after the PipelineRuns
   * were found missing: the deletion of a namespace also deletes what is in it.
   */
  private List<RunKey> inActiveNamespaces(List<RunKey> missing) {
    Map<String, NamespaceState> states = new HashMap<>();
    return missing.stream()
        .filter(
            run ->
                states.computeIfAbsent(run.namespace(), kube::namespace) == NamespaceState.ACTIVE)
        .toList();
  }

  private static boolean exists(Optional<RunObject> object, RecordedObject recorded) {
    return object.filter(o -> o.uid().equals(recorded.object().uid()) && !o.deleting()).isPresent();
  }

  /** Runs one pass; concurrent calls wait for each other. */
  synchronized void conclude() {
    if (leadershipBegan) {
      leadershipBegan = false;
      massDeletion = MassDeletion.UNKNOWN;
    }
    if (!kube.identity().equals(ClusterIdentity.uidOf(cluster))) {
      LOG.atWarn()
          .addKeyValue("cluster", cluster)
          .log(
              "the API server belongs to another cluster than at the start; deletions are ignored");
      return;
    }
    List<RecordedObject> held = new ArrayList<>();
    List<RecordedObject> notHeld = new ArrayList<>();
    for (RecordedObject r : recorded()) {
      if (!isHeldForDeletion(r.reason()) || !releaseIfRestored(r.run(), r.reason())) {
        (r.reason().equals(Reasons.MASS_DELETION) ? held : notHeld).add(r);
      }
    }
    unconfirmed = held.size();
    Namespaces namespaces = new Namespaces(ledger.queries().now());
    List<RunKey> confirmed = new ArrayList<>();
    List<RunKey> missing = new ArrayList<>();
    List<RunKey> withNamespace = new ArrayList<>();
    List<RecordedObject> toCreateAgain = new ArrayList<>();
    for (RecordedObject r : notHeld) {
      if (confirmed.size() >= CONFIRMED_AT_ONCE
          || withNamespace.size() + toCreateAgain.size() >= CONFIRMED_AT_ONCE
          || DeletionRule.isMass(notHeld.size(), missing.size())) {
        break; // no further object changes the decision, and each costs a request
      }
      if (namespaces.isMissing(r)) {
        boolean isConfirmed = namespaces.isConfirmed(r.run());
        boolean recreated = !isConfirmed && namespaces.wasRecreated(r);
        if (recreated && r.object().createdByOperator()) {
          toCreateAgain.add(r);
        } else {
          (isConfirmed ? confirmed : recreated ? withNamespace : missing).add(r.run());
        }
      }
    }
    for (RecordedObject r : held) {
      if (confirmed.size() < CONFIRMED_AT_ONCE
          && namespaces.isConfirmed(r.run())
          && namespaces.isMissing(r)) {
        confirmed.add(r.run());
      }
    }
    if (kube.crdEstablished()) {
      toCreateAgain.forEach(this::bringBack);
      withNamespace.forEach(
          key ->
              ledger
                  .runs()
                  .hold(key, Reasons.MASS_DELETION, RECREATED_MESSAGE.formatted(key.namespace())));
    }
    if (confirmed.isEmpty() && missing.isEmpty()) {
      massDeletion = MassDeletion.NONE;
    } else if (kube.crdEstablished()) {
      UnansweredCalls unanswered = new UnansweredCalls();
      inActiveNamespaces(confirmed).forEach(key -> cancel(key, unanswered));
      cancelOrHold(inActiveNamespaces(missing), notHeld.size(), held.size());
    }
  }

  /**
   * @param missing runs whose PipelineRuns are missing without a confirmation
   * @param recorded number of runs with a PipelineRun on record that are not held for a mass
   *     deletion
   * @param held number of runs that are held for a mass deletion
   */
  private void cancelOrHold(List<RunKey> missing, int recorded, int held) {
    if (missing.isEmpty()) {
      return;
    }
    boolean few =
        !DeletionRule.isMass(recorded, missing.size())
            && (massDeletion == MassDeletion.NONE
                || massDeletion == MassDeletion.UNKNOWN && held == 0);
    if (few) {
      UnansweredCalls unanswered = new UnansweredCalls();
      missing.forEach(key -> cancel(key, unanswered));
      return;
    }
    massDeletion = MassDeletion.IN_PROGRESS;
    LOG.atError()
        .addKeyValue("missing", missing.size())
        .addKeyValue("recorded", recorded)
        .log("too many PipelineRuns are missing at once; their runs are held until a person acts");
    for (RunKey key : missing) {
      ledger.runs().hold(key, Reasons.MASS_DELETION, HELD_MESSAGE.formatted(key.namespace()));
    }
  }

  /** If only a user can release the run, who needs its PipelineRun for that, it is created now. */
  private void bringBack(RecordedObject r) {
    LOG.atInfo()
        .addKeyValue("run", r.run())
        .log("its PipelineRun was deleted with its namespace or definition, and is created again");
    if (r.reason().equals(Reasons.HELD) || r.reason().equals(Reasons.INTERNAL_ERROR)) {
      ledger
          .queries()
          .load(r.run(), cluster)
          .run(r.run())
          .ifPresent(record -> create(record.run()));
    } else {
      ledger.runs().forgetObject(r.run(), r.object()).ifPresent(run -> wake.accept(run.key()));
    }
  }

  private void create(Run run) {
    Request request = RequestJson.read(run.definition().request());
    try {
      if (kube.createRun(run.key(), Resolver.currentSpec(run, request))
              instanceof RunCreation.Present(RunObject object)
          && object.asksFor(run.definition().requestSha())) {
        ledger.runs().recordObject(run.key(), ObjectRecord.of(cluster, object));
      }
    } catch (KubeRefused e) {
      LOG.atWarn()
          .addKeyValue("run", run.key())
          .addKeyValue("error", e.getMessage())
          .log("the PipelineRun of a held run is not created; the next sweep tries again");
    }
  }

  /**
   * Releases held runs whose PipelineRuns exist again in this cluster, but are not on record for
   * it.
   */
  void releaseUnrecorded() {
    for (String reason : List.of(Reasons.DELETION_UNCONFIRMED, Reasons.MASS_DELETION)) {
      heldRuns.next(reason).forEach(run -> releaseIfRestored(run.key(), reason));
    }
  }

  private static boolean isHeldForDeletion(String reason) {
    return reason.equals(Reasons.DELETION_UNCONFIRMED) || reason.equals(Reasons.MASS_DELETION);
  }

  /**
   * Releases a held run whose PipelineRun exists again: the recorded object, or another one that
   * requests the same run. An object with another request does not release it.
   *
   * @return whether the PipelineRun exists again
   */
  private boolean releaseIfRestored(RunKey key, String reason) {
    if (kube.run(key, Freshness.CACHED).filter(o -> !o.deleting()).isEmpty()) {
      return false;
    }
    Optional<RunRecord> record = ledger.queries().load(key, cluster).run(key);
    Optional<RunObject> object =
        liveIfAllowed(key)
            .filter(o -> record.filter(r -> r.run().isRequestedBy(o, r.object())).isPresent());
    if (object.isEmpty()) {
      return false;
    }
    if (record.get().object().filter(r -> r.isOf(object.get())).isEmpty()) {
      ledger.runs().recordObject(key, ObjectRecord.of(cluster, object.get()));
    }
    ledger.runs().release(key, reason).ifPresent(r -> wake.accept(r.key()));
    return true;
  }

  private Optional<RunObject> liveIfAllowed(RunKey key) {
    try {
      return kube.run(key, Freshness.LIVE).filter(o -> !o.deleting());
    } catch (KubeRefused e) {
      return Optional.empty();
    }
  }

  private void cancel(RunKey key, UnansweredCalls unanswered) {
    Optional<Run> canceled =
        ledger.runs().cancel(key, Reasons.DELETED, "its PipelineRun was deleted");
    canceled.ifPresent(r -> runReconciler.reconcileNow(List.of(r.key())).forEach(unanswered::next));
  }

  private List<RecordedObject> recorded() {
    List<RecordedObject> all = new ArrayList<>();
    List<RecordedObject> page;
    do {
      Optional<RunKey> last = all.isEmpty() ? Optional.empty() : Optional.of(all.getLast().run());
      page = ledger.queries().recordedObjects(cluster, last, BATCH);
      all.addAll(page);
    } while (page.size() == BATCH);
    return all;
  }
}
