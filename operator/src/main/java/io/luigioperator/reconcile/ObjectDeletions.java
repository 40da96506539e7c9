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
import io.luigioperator.job.KubeForbidden;
import io.luigioperator.ledger.Ledger;
import io.luigioperator.ledger.LedgerQueries.RecordedObject;
import io.luigioperator.ledger.LedgerQueries.RunRecord;
import io.luigioperator.run.DeletionRule;
import io.luigioperator.run.ObjectRecord;
import io.luigioperator.run.Reasons;
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
 * What missing PipelineRuns mean. Absence counts only by a live read of this cluster, whose
 * identity, CRD and namespaces are the known ones. A few missing ones were deleted by users, and
 * their runs are canceled; of many at once nothing is believed: their runs are held, out of
 * everybody's way, until the objects are back or a person confirms their deletion.
 */
final class ObjectDeletions {
  private static final Logger LOG = LoggerFactory.getLogger(ObjectDeletions.class);
  private static final int BATCH = 200;

  /** What a person has confirmed may be any number; more than this waits for the next pass. */
  private static final int CONFIRMED_AT_ONCE = 1000;

  /** A confirmation is about what is missing now, not about the next disaster. */
  private static final Duration CONFIRMATION = Duration.ofHours(1);

  private static final String WORDS =
      "its PipelineRun was lost with many others; bring it back, or confirm the deletions in its"
          + " namespace: kubectl annotate --overwrite namespace %s "
          + Annotations.DELETIONS_CONFIRMED
          + "=$(date -u +%%Y-%%m-%%dT%%H:%%M:%%SZ)";

  private final Ledger ledger;
  private final Kube kube;
  private final String clusterId;
  private final RunReconciler runReconciler;
  private final Consumer<RunKey> wake;

  /** Whether what is missing belongs to the many, however few of them are left. */
  private enum Mass {
    /** Nothing was looked at yet: when runs are held, holding them may have been interrupted. */
    UNKNOWN,
    OPEN,
    /** Everything that was missing is held; what goes missing now is another matter. */
    CLOSED
  }

  private Mass mass = Mass.UNKNOWN;
  private volatile int unconfirmed;

  ObjectDeletions(
      Ledger ledger,
      Kube kube,
      String clusterId,
      RunReconciler runReconciler,
      Consumer<RunKey> wake) {
    this.ledger = ledger;
    this.kube = kube;
    this.clusterId = clusterId;
    this.runReconciler = runReconciler;
    this.wake = wake;
  }

  /** How many runs are held until somebody confirms, as last counted. */
  int unconfirmed() {
    return unconfirmed;
  }

  /** What one pass knows of the namespaces. */
  private final class Look {
    private final Instant now;
    private final Map<String, NamespaceState> states = new HashMap<>();
    private final Map<String, Boolean> confirmations = new HashMap<>();

    Look(Instant now) {
      this.now = now;
    }

    /** Whether it is gone, as far as can be told; where it cannot it counts as there. */
    boolean isGone(RecordedObject r) {
      if (isThere(kube.run(r.run(), Freshness.CACHED), r)
          || states.computeIfAbsent(r.run().namespace(), kube::namespace)
              != NamespaceState.ACTIVE) {
        return false;
      }
      try {
        return !isThere(kube.run(r.run(), Freshness.LIVE), r);
      } catch (KubeForbidden e) {
        LOG.atWarn()
            .addKeyValue("namespace", r.run().namespace())
            .addKeyValue("error", e.getMessage())
            .log("may not be read: nothing is concluded there");
        states.put(r.run().namespace(), NamespaceState.ABSENT);
        return false;
      }
    }

    boolean isConfirmed(RunKey run) {
      return confirmations.computeIfAbsent(
          run.namespace(),
          namespace ->
              kube.deletionsConfirmed(namespace)
                  .filter(t -> Duration.between(t, now).abs().compareTo(CONFIRMATION) <= 0)
                  .isPresent());
    }
  }

  private static boolean isThere(Optional<RunObject> object, RecordedObject recorded) {
    return object.filter(o -> o.uid().equals(recorded.object().uid()) && !o.deleting()).isPresent();
  }

  /** One pass; one at a time. */
  synchronized void conclude() {
    List<RecordedObject> held = new ArrayList<>();
    List<RecordedObject> rest = new ArrayList<>();
    for (RecordedObject r : recorded()) {
      if (!isUnconfirmed(r.reason()) || !isBack(r.run(), r.reason())) {
        (r.reason().equals(Reasons.MASS_DELETION) ? held : rest).add(r);
      }
    }
    unconfirmed = held.size();
    Look look = new Look(ledger.queries().now());
    List<RunKey> confirmed = new ArrayList<>();
    List<RunKey> doubtful = new ArrayList<>();
    for (RecordedObject r : rest) {
      if (confirmed.size() >= CONFIRMED_AT_ONCE
          || DeletionRule.isMass(rest.size(), doubtful.size())) {
        break; // enough is known; each look costs a request
      }
      if (look.isGone(r)) {
        (look.isConfirmed(r.run()) ? confirmed : doubtful).add(r.run());
      }
    }
    for (RecordedObject r : held) {
      if (confirmed.size() < CONFIRMED_AT_ONCE && look.isConfirmed(r.run()) && look.isGone(r)) {
        confirmed.add(r.run());
      }
    }
    if (confirmed.isEmpty() && doubtful.isEmpty()) {
      mass = Mass.CLOSED;
    } else if (kube.crdEstablished()) {
      UnansweredCalls unanswered = new UnansweredCalls();
      confirmed.forEach(key -> cancel(key, unanswered));
      judge(doubtful, rest.size(), held.size());
    }
  }

  private void judge(List<RunKey> gone, int recorded, int held) {
    if (gone.isEmpty()) {
      return;
    }
    boolean few =
        !DeletionRule.isMass(recorded, gone.size())
            && (mass == Mass.CLOSED || mass == Mass.UNKNOWN && held == 0);
    if (few) {
      UnansweredCalls unanswered = new UnansweredCalls();
      gone.forEach(key -> cancel(key, unanswered));
      return;
    }
    mass = Mass.OPEN;
    LOG.atError()
        .addKeyValue("gone", gone.size())
        .addKeyValue("recorded", recorded)
        .log("too many PipelineRuns are gone at once: their runs are held, a person must look");
    for (RunKey key : gone) {
      ledger.runs().hold(key, Reasons.MASS_DELETION, WORDS.formatted(key.namespace()));
    }
  }

  /** Lets the runs go whose objects are back but were never recorded here. */
  void releaseUnrecorded() {
    for (String reason : List.of(Reasons.DELETION_UNCONFIRMED, Reasons.MASS_DELETION)) {
      ledger.queries().heldFor(reason, BATCH).forEach(run -> isBack(run.key(), reason));
    }
  }

  private static boolean isUnconfirmed(String reason) {
    return reason.equals(Reasons.DELETION_UNCONFIRMED) || reason.equals(Reasons.MASS_DELETION);
  }

  /**
   * Lets a held run go whose object is there again: the same, or one that asks for the same. One
   * that asks for something else is no return.
   */
  private boolean isBack(RunKey key, String reason) {
    if (kube.run(key, Freshness.CACHED).filter(o -> !o.deleting()).isEmpty()) {
      return false;
    }
    Optional<RunRecord> record = ledger.queries().load(key, clusterId).run(key);
    Optional<RunObject> object =
        liveIfAllowed(key)
            .filter(o -> record.filter(r -> r.run().isRequestedBy(o, r.object())).isPresent());
    if (object.isEmpty()) {
      return false;
    }
    if (record.get().object().filter(r -> r.isOf(object.get())).isEmpty()) {
      ledger.runs().recordObject(key, ObjectRecord.of(clusterId, object.get()));
    }
    ledger.runs().release(key, reason).ifPresent(r -> wake.accept(r.key()));
    return true;
  }

  private Optional<RunObject> liveIfAllowed(RunKey key) {
    try {
      return kube.run(key, Freshness.LIVE).filter(o -> !o.deleting());
    } catch (KubeForbidden e) {
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
      page = ledger.queries().recordedObjects(clusterId, last, BATCH);
      all.addAll(page);
    } while (page.size() == BATCH);
    return all;
  }
}
