/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.admission;

import io.luigioperator.job.Kube;
import io.luigioperator.job.Kube.Freshness;
import io.luigioperator.job.Kube.NamespaceState;
import io.luigioperator.job.Kube.RunCreation;
import io.luigioperator.job.KubeForbidden;
import io.luigioperator.job.KubeRefused;
import io.luigioperator.job.KubeUnavailable;
import io.luigioperator.ledger.AttemptLedger.Claimed;
import io.luigioperator.ledger.Ledger;
import io.luigioperator.ledger.LedgerQueries.Head;
import io.luigioperator.ledger.LedgerQueries.RunRecord;
import io.luigioperator.ledger.LedgerUnavailable;
import io.luigioperator.run.AdmitKey;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.ClusterIdentity;
import io.luigioperator.run.ObjectRecord;
import io.luigioperator.run.Reasons;
import io.luigioperator.run.RecordedOutcome;
import io.luigioperator.run.Request;
import io.luigioperator.run.RequestJson;
import io.luigioperator.run.Resolver;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunObject;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executor;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Fills the free slots with the heads of free keys. The head of a key is its first READY run. The
 * leader runs one pass at a time. Two leaders do not claim the same run, but for a moment they may
 * together fill more slots than {@link Capacity#maxRunning}, because a claim does not check the
 * slots under lock.
 *
 * <p>A pass claims as many heads as there are free slots, in their order, without those of
 * namespaces that fill all slots that a namespace may have, or for whose pods the scheduler finds
 * no node with enough free resources. The claims run in parallel, because each locks another key.
 * An error of one head does not affect the others: the head is held or skipped, and the next one
 * gets its slot.
 */
public final class AdmissionLoop {

  private static final Logger LOG = LoggerFactory.getLogger(AdmissionLoop.class);
  private static final int PAGE = 50;

  private final Ledger ledger;
  private final Kube kube;
  private final String cluster;
  private final Capacity capacity;
  private final Supplier<String> tokens;
  private final Executor claims;
  private final Consumer<Claimed> launch;
  private final Consumer<RunKey> changed;
  private volatile Set<AdmitKey> blocked = Set.of();
  private volatile boolean paused;
  private volatile Runnable postponed = () -> {};

  /**
   * @param tokens returns a new token for each claim
   * @param claims runs the claims of a pass; its threads bound the number of parallel claims
   * @param launch called after each claim; must have the run reconciled soon on another thread
   * @param changed the same for each run that was held, or had ended before
   */
  public AdmissionLoop(
      Ledger ledger,
      Kube kube,
      String cluster,
      Capacity capacity,
      Supplier<String> tokens,
      Executor claims,
      Consumer<Claimed> launch,
      Consumer<RunKey> changed) {
    this.ledger = ledger;
    this.kube = kube;
    this.cluster = cluster;
    this.capacity = capacity;
    this.tokens = tokens;
    this.claims = claims;
    this.launch = launch;
    this.changed = changed;
  }

  /**
   * Sets what is called after a run was postponed: it becomes due later, and its key may have
   * another head now. Must not block.
   */
  public void onPostponed(Runnable listener) {
    postponed = listener;
  }

  /** Sets the keys that must not be claimed. It replaces the keys of an earlier call. */
  public void block(Set<AdmitKey> keys) {
    blocked = Set.copyOf(keys);
  }

  /**
   * Until {@link #resume}, no pass claims anything: a new leader does not know yet which keys must
   * not be claimed.
   */
  public void pause() {
    paused = true;
  }

  public void resume() {
    paused = false;
  }

  /**
   * Runs one pass.
   *
   * @return the number of free slots after it; 0 if it claims nothing because it is paused
   * @throws LedgerUnavailable if the ledger does not answer
   * @throws KubeUnavailable if the API server does not answer
   */
  public int pass() {
    Slots slots = capacity.free(occupied());
    if (slots.free() == 0 || paused) {
      return 0;
    }
    List<Head> heads = heads(Optional.empty(), slots);
    if (heads.isEmpty()) {
      return slots.free();
    }
    Set<String> withoutNode = kube.podsWithoutNode(ledger.queries().now()).keySet();
    if (!withoutNode.isEmpty()) { // the scheduler already finds no node for some of their pods
      slots.close(withoutNode);
      heads = heads(Optional.empty(), slots);
    }
    UnansweredCalls unanswered = new UnansweredCalls();
    while (true) {
      claim(heads, slots, unanswered);
      if (slots.free() == 0 || heads.size() < PAGE) {
        return slots.free();
      }
      heads = heads(Optional.of(heads.getLast()), slots);
    }
  }

  private List<Head> heads(Optional<Head> after, Slots slots) {
    return ledger.queries().openHeads(cluster, after, PAGE, slots.fullNamespaces());
  }

  /**
   * Claims heads in their order while slots are free. A head that finds its namespace full waits
   * for the answers of the heads before it, which may not need their slots.
   */
  private void claim(List<Head> heads, Slots slots, UnansweredCalls unanswered) {
    List<Head> left = heads;
    while (!left.isEmpty() && slots.free() > 0) {
      List<Head> tried = new ArrayList<>();
      List<Head> later = new ArrayList<>();
      for (Head head : left) {
        (slots.take(head.run().namespace()) ? tried : later).add(head);
      }
      if (tried.isEmpty()) {
        return;
      }
      List<Outcome> outcomes = admit(tried);
      for (int i = 0; i < tried.size(); i++) {
        if (outcomes.get(i).slots() == 0) {
          slots.giveBack(tried.get(i).run().namespace());
        }
        unanswered.next(outcomes.get(i).failure());
      }
      left = later;
    }
  }

  /**
   * The result for one head.
   *
   * @param slots slots that it uses; 1 also if it is unknown whether it was claimed
   * @param failure present if a store did not answer
   */
  private record Outcome(int slots, Optional<RuntimeException> failure) {
    static final Outcome CLAIMED = new Outcome(1, Optional.empty());
    static final Outcome SKIPPED = new Outcome(0, Optional.empty());
  }

  private List<Outcome> admit(List<Head> heads) {
    List<CompletableFuture<Outcome>> started =
        heads.stream()
            .map(head -> CompletableFuture.supplyAsync(() -> admit(head), claims))
            .toList();
    return started.stream().map(AdmissionLoop::joined).toList();
  }

  /** Waits for a claim; rethrows its RuntimeException or Error. */
  private static Outcome joined(CompletableFuture<Outcome> claim) {
    try {
      return claim.join();
    } catch (CompletionException e) {
      switch (e.getCause()) {
        case RuntimeException cause -> throw cause;
        case Error cause -> throw cause;
        case null, default -> throw e;
      }
    }
  }

  private Outcome admit(Head head) {
    try {
      return !blocked.contains(head.key()) && hasObjectHere(head) ? claim(head) : Outcome.SKIPPED;
    } catch (LedgerUnavailable e) {
      // the claim may have been committed nevertheless
      return unanswered(head, 1, e);
    } catch (KubeUnavailable e) {
      return unanswered(head, 0, e);
    } catch (KubeForbidden e) {
      return held(
          head,
          Reasons.NAMESPACE_MISSING,
          "cluster %s may not read the PipelineRun: %s"
              .formatted(ClusterIdentity.clusterIdOf(cluster), e.getMessage()));
    } catch (KubeRefused e) {
      // it concerns this run only, so it does not count as a server that does not answer
      LOG.atWarn()
          .addKeyValue("run", head.run())
          .addKeyValue("error", e.getMessage())
          .log("the API server refuses a request; run skipped in this admission pass");
      return Outcome.SKIPPED;
    } catch (RuntimeException e) {
      LOG.atError().addKeyValue("run", head.run()).setCause(e).log("admission of the run failed");
      return held(head, Reasons.INTERNAL_ERROR, "admission of the run failed: " + e);
    }
  }

  private static Outcome unanswered(Head head, int slots, RuntimeException failure) {
    LOG.atWarn()
        .addKeyValue("run", head.run())
        .addKeyValue("error", failure.getMessage())
        .log("a store did not answer; run skipped in this admission pass");
    return new Outcome(slots, Optional.of(failure));
  }

  private Outcome held(Head head, String reason, String message) {
    try {
      hold(head.run(), reason, message);
      return Outcome.SKIPPED;
    } catch (LedgerUnavailable e) {
      return unanswered(head, 0, e);
    }
  }

  /** If holding it fails, too, the run stays READY and each pass tries again. */
  private void hold(RunKey run, String reason, String message) {
    try {
      ledger.runs().hold(run, reason, message).ifPresent(r -> changed.accept(r.key()));
    } catch (LedgerUnavailable e) {
      throw e;
    } catch (RuntimeException e) {
      LOG.atError().addKeyValue("run", run).setCause(e).log("holding the run failed");
    }
  }

  private Outcome claim(Head head) {
    Optional<Claimed> claimed =
        ledger.attempts().claim(head.key(), head.run(), tokens.get(), cluster);
    claimed.ifPresent(launch);
    return claimed.isPresent() ? Outcome.CLAIMED : Outcome.SKIPPED;
  }

  /** A slot is free as soon as the pod is observed terminal; the key only after finish. */
  private List<String> occupied() {
    return ledger.queries().liveAttempts(cluster).stream()
        .filter(a -> !isObservedEnded(a))
        .map(a -> a.ref().run().namespace())
        .toList();
  }

  private boolean isObservedEnded(Attempt attempt) {
    return attempt
        .binding()
        .flatMap(b -> kube.attempt(attempt, Freshness.CACHED).pod(b.podUid()))
        .filter(p -> p.ending().isPresent() || p.terminal() || p.gone())
        .isPresent();
  }

  /**
   * Whether the PipelineRun that the ledger has on record exists in this cluster. For a first
   * attempt the cache is sufficient: if the object was deleted meanwhile, its Job is
   * garbage-collected, because the recorded UID owns it, and the attempt ends with its pod. Before
   * a retry the object is read live, which also shows whether the operator has its permissions in
   * the namespace.
   */
  private boolean hasObjectHere(Head head) {
    return head.claims() == 0 && isRecorded(head, kube.run(head.run(), Freshness.CACHED))
        || hasObjectHereLive(head.run());
  }

  private static boolean isRecorded(Head head, Optional<RunObject> object) {
    return object
        .filter(o -> head.objectUid().filter(o.uid()::equals).isPresent() && !o.deleting())
        .filter(o -> o.outcome().isEmpty())
        .isPresent();
  }

  /**
   * The same by a live read. If no object is recorded for this cluster, one is created. A run whose
   * object is missing is only skipped: only the deletion pass decides whether it was deleted.
   */
  private boolean hasObjectHereLive(RunKey key) {
    Optional<RunRecord> found = ledger.queries().load(key, cluster).run(key);
    if (found.isEmpty()) {
      return false;
    }
    Run run = found.get().run();
    Optional<ObjectRecord> recorded = found.get().object();
    if (recorded.isEmpty()) {
      return !holdIfNotServed(key) && createHere(key, run);
    }
    Optional<RunObject> object =
        kube.run(key, Freshness.LIVE)
            .filter(o -> o.uid().equals(recorded.get().uid()) && !o.deleting());
    if (object.isEmpty()) { // checked only now, because it would delay every claim
      holdIfNotServed(key);
    }
    return object.isPresent() && !hasEnded(object.get());
  }

  /**
   * Whether the status shows that the run ended before the ledger was restored from a backup. Then
   * the row ends too, because nothing else may look at this object for a long time.
   */
  private boolean hasEnded(RunObject object) {
    Optional<RecordedOutcome> outcome = object.outcome();
    outcome
        .flatMap(o -> ledger.runs().restoreOutcome(object.key(), o))
        .ifPresent(r -> changed.accept(r.key()));
    return outcome.isPresent();
  }

  /**
   * Holds a run if this cluster does not have its namespace or the CRD.
   *
   * @return whether that is so
   */
  private boolean holdIfNotServed(RunKey key) {
    if (kube.namespace(key.namespace()) == NamespaceState.ACTIVE && kube.crdEstablished()) {
      return false;
    }
    hold(
        key,
        Reasons.NAMESPACE_MISSING,
        "cluster %s has no namespace %s or no PipelineRun CRD"
            .formatted(ClusterIdentity.clusterIdOf(cluster), key.namespace()));
    return true;
  }

  /** The next try is later, so that the run blocks no other one meanwhile. */
  private void objectRefused(RunKey run, String message) {
    LOG.atWarn()
        .addKeyValue("run", run)
        .addKeyValue("error", message)
        .log("the PipelineRun cannot be created; it will be tried again");
    ledger.runs().objectRefused(run, message).ifPresent(r -> changed.accept(r.key()));
    postponed.run();
  }

  private boolean createHere(RunKey key, Run run) {
    Request request = RequestJson.read(run.definition().request());
    return switch (kube.createRun(key, Resolver.currentSpec(run, request))) {
      case RunCreation.Present(RunObject o) -> {
        if (!o.asksFor(run.definition().requestSha())) {
          objectRefused(
              key,
              "cluster %s has a PipelineRun %s with another request; delete it"
                  .formatted(ClusterIdentity.clusterIdOf(cluster), key));
          yield false;
        }
        if (o.isRejected()) {
          yield false; // final for this cluster; another one may take the run
        }
        ledger.runs().recordObject(key, ObjectRecord.of(cluster, o));
        yield !o.deleting() && !hasEnded(o);
      }
      case RunCreation.Refused(String message) -> {
        objectRefused(key, "the API server refused the PipelineRun: " + message);
        yield false;
      }
      case RunCreation.NotNow(String message) -> {
        LOG.atWarn()
            .addKeyValue("run", key)
            .addKeyValue("error", message)
            .log("the API server refused the PipelineRun for now; run skipped");
        yield false;
      }
    };
  }
}
