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
import io.luigioperator.ledger.AttemptLedger.Claimed;
import io.luigioperator.ledger.Ledger;
import io.luigioperator.ledger.LedgerQueries.Loaded;
import io.luigioperator.ledger.LedgerQueries.RunRecord;
import io.luigioperator.ledger.LedgerUnavailable;
import io.luigioperator.ledger.RunLedger.AcceptRequest;
import io.luigioperator.ledger.RunLedger.Acceptance;
import io.luigioperator.reconcile.RunQueue.Lane;
import io.luigioperator.reconcile.RunQueue.Requeue;
import io.luigioperator.run.Decision;
import io.luigioperator.run.Effect;
import io.luigioperator.run.Limits;
import io.luigioperator.run.ObjectRecord;
import io.luigioperator.run.RunDecider;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunObject;
import io.luigioperator.run.RunSnapshot;
import io.luigioperator.run.RunSnapshot.PodCheck;
import io.luigioperator.run.RunState;
import io.luigioperator.run.StatusView;
import io.luigioperator.run.WarningEvents;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Takes a run as far as it goes now: read what is known, decide, carry out one effect, and again,
 * until there is nothing to do; then write its status once. Several runs are read together, and the
 * new ones among them accepted in one commit.
 *
 * <p>What it keeps between two reconciliations is only there to save queries (see {@link LiveRows}
 * and {@link WaitingRuns}): a crash anywhere costs time and nothing else.
 */
public final class RunReconciler {

  private static final Logger LOG = LoggerFactory.getLogger(RunReconciler.class);

  /** More steps than any run can need in one reconciliation; a defence against a hot loop. */
  private static final int MAX_STEPS = 16;

  /** When a store does not answer, or a cache has not caught up with an effect. */
  private static final Duration RETRY_AFTER = Duration.ofSeconds(2);

  /** After a defect, or without a permission: time alone does not cure either. */
  private static final Duration FAULT_RETRY_AFTER = Duration.ofSeconds(60);

  private final Ledger ledger;
  private final Kube kube;
  private final String clusterId;
  private final SnapshotReader snapshots;
  private final EffectRunner effects;
  private final Limits limits;
  private final RunDecider decider;
  private final InstantSource hostClock;
  private final LongSupplier nanoTime;
  private final Wakeups wakeups;
  private final LiveRows liveRows;
  private final WaitingRuns waitingRuns = new WaitingRuns();

  /**
   * @param hostClock stamps a status while the ledger, whose clock counts otherwise, is unavailable
   * @param nanoTime of this process, monotonic
   */
  public RunReconciler(
      Ledger ledger,
      Kube kube,
      String clusterId,
      Limits limits,
      InstantSource hostClock,
      LongSupplier nanoTime,
      Wakeups wakeups) {
    this.ledger = ledger;
    this.kube = kube;
    this.clusterId = clusterId;
    this.snapshots = new SnapshotReader(kube, clusterId);
    this.effects = new EffectRunner(ledger, kube, clusterId, wakeups);
    this.limits = limits;
    this.decider = new RunDecider(limits);
    this.hostClock = hostClock;
    this.nanoTime = nanoTime;
    this.wakeups = wakeups;
    this.liveRows = new LiveRows(clusterId);
  }

  /** A claim has made this attempt: its first reconciliation needs no query. */
  public void claimed(Claimed claimed) {
    // the earlier attempts of a retry are shown in the status, and are not known here
    RunKey key = claimed.run().key();
    waitingRuns.remove(key);
    if (claimed.attempt().number() == 1) {
      liveRows.put(
          key,
          new LedgerRow(
              Optional.of(
                  new RunRecord(
                      claimed.run(),
                      List.of(claimed.attempt()),
                      claimed.object(),
                      Optional.of(key))),
              claimed.now(),
              nanoTime.getAsLong()));
    }
  }

  /** The runs that wait and whose condition names a reason that is no longer the right one. */
  List<RunKey> outdatedWaiting(int keys) {
    return waitingRuns.outdated(
        ledger.queries().holders(keys),
        run ->
            kube.run(run, Freshness.CACHED)
                .flatMap(RunObject::status)
                .flatMap(status -> Optional.ofNullable(status.reason())));
  }

  /**
   * Reconciles runs.
   *
   * @return for each when to reconcile it again at the latest; one that is missing needs an event
   */
  public Map<RunKey, Requeue> reconcile(List<RunKey> runs) {
    Map<RunKey, Requeue> again = new HashMap<>();
    try {
      for (Reconciliation r : reconcileAll(runs, RowSource.MEMORY)) {
        r.requeue.ifPresent(requeue -> again.put(r.key, requeue));
      }
    } catch (LedgerUnavailable e) {
      LOG.atWarn()
          .addKeyValue("runs", runs)
          .addKeyValue("error", e.getMessage())
          .log("ledger unavailable; runs wait");
      for (RunKey run : runs) {
        writeStoreUnavailable(run);
        again.put(run, new Requeue(RETRY_AFTER, Lane.CHANGED));
      }
    }
    return again;
  }

  /** As {@link #reconcile(List)}, of one run. */
  public Optional<Duration> reconcile(RunKey run) {
    return Optional.ofNullable(reconcile(List.of(run)).get(run)).map(Requeue::after);
  }

  /**
   * Reconciles runs with rows that are read now.
   *
   * @return for each run the failure, if a store did not answer
   * @throws LedgerUnavailable if the ledger does not answer at all
   */
  List<Optional<RuntimeException>> reconcileNow(List<RunKey> runs) {
    return reconcileAll(runs, RowSource.LEDGER).stream().map(r -> r.unanswered).toList();
  }

  /** Where the rows of live attempts may come from. */
  private enum RowSource {
    MEMORY,
    LEDGER
  }

  private List<Reconciliation> reconcileAll(List<RunKey> runs, RowSource source) {
    List<Reconciliation> all = begin(runs, source);
    all.forEach(r -> r.guarded(r::proceed));
    List<Reconciliation> accepting = all.stream().filter(r -> r.accepting.isPresent()).toList();
    if (!accepting.isEmpty()) {
      accept(accepting);
    }
    return all;
  }

  private List<Reconciliation> begin(List<RunKey> runs, RowSource source) {
    Map<RunKey, LedgerRow> known = new HashMap<>();
    if (source == RowSource.MEMORY) {
      for (RunKey run : runs) {
        remembered(run).ifPresent(row -> known.put(run, row));
      }
    }
    List<RunKey> unknown = runs.stream().filter(run -> !known.containsKey(run)).toList();
    if (!unknown.isEmpty()) {
      known.putAll(loadTogether(unknown));
    }
    return runs.stream()
        .map(run -> new Reconciliation(run, Optional.ofNullable(known.get(run))))
        .toList();
  }

  /** Not of a run whose object is gone or being deleted: it may have been canceled for that. */
  private Optional<LedgerRow> remembered(RunKey run) {
    return liveRows
        .get(run, nanoTime.getAsLong())
        .filter(row -> kube.run(run, Freshness.CACHED).filter(o -> !o.deleting()).isPresent());
  }

  /** If one row of several cannot be read, each run is read alone, where its error stays. */
  private Map<RunKey, LedgerRow> loadTogether(List<RunKey> runs) {
    try {
      Loaded loaded = ledger.queries().load(runs, clusterId);
      long now = nanoTime.getAsLong();
      Map<RunKey, LedgerRow> rows = new HashMap<>();
      runs.forEach(run -> rows.put(run, new LedgerRow(loaded.run(run), loaded.now(), now)));
      return rows;
    } catch (LedgerUnavailable e) {
      throw e;
    } catch (RuntimeException e) {
      LOG.atWarn()
          .addKeyValue("runs", runs)
          .setCause(e)
          .log("runs cannot be read together, reading them one by one");
      return Map.of();
    }
  }

  private LedgerRow load(RunKey run) {
    Loaded loaded = ledger.queries().load(run, clusterId);
    return new LedgerRow(loaded.run(run), loaded.now(), nanoTime.getAsLong());
  }

  /** One commit for all of them; each is answered on its own. */
  private void accept(List<Reconciliation> accepting) {
    List<AcceptRequest> requests = new ArrayList<>();
    for (Reconciliation r : accepting) {
      Effect.Accept e = r.accepting.orElseThrow();
      requests.add(
          new AcceptRequest(e.run(), new ObjectRecord(clusterId, e.uid(), e.generation())));
    }
    List<Acceptance> answers = ledger.runs().accept(requests);
    for (Acceptance answer : answers) {
      if (answer instanceof Acceptance.Accepted accepted) {
        wakeups.changed(accepted.run());
      }
    }
    for (int i = 0; i < answers.size(); i++) {
      Reconciliation r = accepting.get(i);
      Acceptance answer = answers.get(i);
      ObjectRecord object = requests.get(i).object();
      r.guarded(
          () -> {
            r.accepted(answer, object);
            r.proceed();
          });
    }
  }

  /** One reconciliation of one run. */
  private final class Reconciliation {
    private final RunKey key;
    private final Set<Effect> done = new HashSet<>();
    private Optional<LedgerRow> row;
    private Freshness freshness = Freshness.CACHED;
    private PodCheck podCheck = new PodCheck.Unasked();
    private Optional<Effect.Accept> accepting = Optional.empty();
    private Optional<Requeue> requeue = Optional.empty();
    private Optional<RuntimeException> unanswered = Optional.empty();

    /**
     * @param row empty: to be read
     */
    Reconciliation(RunKey key, Optional<LedgerRow> row) {
      this.key = key;
      this.row = row;
    }

    /** Trouble with this run stays with it: the others of the batch go on. */
    void guarded(Runnable work) {
      try {
        work.run();
        remember();
      } catch (LedgerUnavailable e) {
        unanswered(e, "ledger unavailable");
        writeStoreUnavailable(key);
      } catch (KubeUnavailable e) {
        unanswered(e, "API server unavailable");
      } catch (KubeForbidden e) {
        LOG.atWarn()
            .addKeyValue("run", key)
            .addKeyValue("error", e.getMessage())
            .log("the API server forbids a request");
        retry(FAULT_RETRY_AFTER);
      } catch (RuntimeException e) {
        LOG.atError().addKeyValue("run", key).setCause(e).log("run cannot be reconciled");
        retry(FAULT_RETRY_AFTER);
      }
    }

    private void unanswered(RuntimeException e, String message) {
      LOG.atWarn().addKeyValue("run", key).addKeyValue("error", e.getMessage()).log(message);
      unanswered = Optional.of(e);
      retry(RETRY_AFTER);
    }

    private void retry(Duration after) {
      liveRows.forget(key);
      accepting = Optional.empty();
      requeue = Optional.of(new Requeue(after, lane()));
    }

    /** Until there is nothing to do, or the run is to be accepted with others. */
    void proceed() {
      accepting = Optional.empty();
      for (int steps = 0; steps < MAX_STEPS; steps++) {
        RunSnapshot s = snapshots.read(key, record(), freshness, podCheck);
        Instant now = row.orElseThrow().timeAt(nanoTime.getAsLong());
        Decision decision = decider.decide(s, now);
        if (decision.effect().isEmpty()) {
          if (!wrote(s, decision)) {
            continue; // the object has changed meanwhile: decide again
          }
          requeue = decision.requeueAt().map(t -> requeueAfter(Duration.between(now, t)));
          return;
        }
        Effect effect = decision.effect().get();
        if (!done.add(effect)) {
          // carried out, and not yet in the cache: its event is on its way
          retry(RETRY_AFTER);
          return;
        }
        LOG.atDebug().addKeyValue("run", key).addKeyValue("effect", kind(effect)).log("effect");
        if (effect instanceof Effect.Accept accept) {
          accepting = Optional.of(accept);
          return;
        }
        if (!carriedOut(effect, s, decision)) {
          return;
        }
      }
      LOG.atError()
          .addKeyValue("run", key)
          .addKeyValue("effects", done.stream().map(RunReconciler::kind).toList())
          .log("gave up after %d steps in one reconciliation".formatted(MAX_STEPS));
      retry(RETRY_AFTER);
    }

    /** False: nothing more to do now. */
    private boolean carriedOut(Effect effect, RunSnapshot s, Decision decision) {
      switch (effects.run(effect, s, record())) {
        case EffectResult.Unchanged() -> {}
        case EffectResult.Changed(RunRecord after) -> changed(after);
        case EffectResult.Stale() -> row = Optional.empty();
        case EffectResult.PodChecked(PodCheck answer) -> {
          podCheck = answer;
          if (answer instanceof PodCheck.Passed) {
            snapshots.rememberPassed(s);
          }
        }
        case EffectResult.ReadLive() -> {
          freshness = Freshness.LIVE;
          row = Optional.empty();
        }
        case EffectResult.StillWaiting() -> {
          if (wrote(s, decision)) {
            requeue = Optional.of(requeueAfter(limits.claimTtl()));
            return false;
          }
        }
      }
      return true;
    }

    /** What the ledger knows; read if it is not known here. */
    private Optional<RunRecord> record() {
      LedgerRow known = row.isPresent() ? row.get() : load(key);
      row = Optional.of(known);
      return known.record();
    }

    private void changed(RunRecord after) {
      row = row.map(before -> before.changed(after, nanoTime.getAsLong()));
    }

    void accepted(Acceptance answer, ObjectRecord object) {
      switch (answer) {
        case Acceptance.Accepted(var run) ->
            changed(new RunRecord(run, List.of(), Optional.of(object), Optional.empty()));
        case Acceptance.Same _, Acceptance.NameTaken _ -> row = Optional.empty();
        case Acceptance.Refused(var _, String message) ->
            throw new IllegalStateException("the ledger refuses the run: " + message);
      }
    }

    private void remember() {
      row.ifPresent(known -> liveRows.put(key, known));
      Optional<RunRecord> waiting =
          row.flatMap(LedgerRow::record)
              .filter(r -> r.run().state() == RunState.READY && r.object().isPresent());
      waiting.ifPresentOrElse(
          r -> waitingRuns.put(key, r.run().admitKey()), () -> waitingRuns.remove(key));
    }

    private Requeue requeueAfter(Duration after) {
      return new Requeue(after.isPositive() ? after : Duration.ofMillis(1), lane());
    }

    private Lane lane() {
      return row.flatMap(LedgerRow::record)
          .map(
              r ->
                  switch (r.run().state()) {
                    case ACTIVE -> Lane.LIVE;
                    case READY -> Lane.WAITING;
                    case DELAYED, HELD, SUCCEEDED, FAILED, CANCELED -> Lane.CHANGED;
                  })
          .orElse(Lane.CHANGED);
    }
  }

  /** Not the effect itself: it holds what users wrote, parameters included. */
  private static String kind(Effect effect) {
    return effect.getClass().getSimpleName();
  }

  /** False: the object has changed since it was read. */
  private boolean wrote(RunSnapshot s, Decision decision) {
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

  private void writeStoreUnavailable(RunKey key) {
    try {
      kube.run(key, Freshness.CACHED)
          .ifPresent(
              object ->
                  StatusView.storeUnavailable(object, hostClock.instant())
                      .ifPresent(status -> kube.writeStatus(object, status)));
    } catch (KubeUnavailable | KubeForbidden e) {
      LOG.atWarn()
          .addKeyValue("run", key)
          .addKeyValue("error", e.getMessage())
          .log("status not written, and the ledger is unavailable too");
    }
  }
}
