/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.luigioperator.api.PipelineRunStatus;
import io.luigioperator.job.Kube;
import io.luigioperator.job.Kube.Freshness;
import io.luigioperator.job.KubeForbidden;
import io.luigioperator.job.KubeRefused;
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
import io.luigioperator.run.Run;
import io.luigioperator.run.RunDecider;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunObject;
import io.luigioperator.run.RunSnapshot;
import io.luigioperator.run.RunSnapshot.PodCheck;
import io.luigioperator.run.RunSnapshot.Refusal;
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
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reconciles runs. One reconciliation reads the state of a run, decides, carries out one effect,
 * and repeats this until no effect is left; then it writes the status of the run once. Several runs
 * are read with one query, and the new ones among them are accepted in one commit.
 *
 * <p>The state in memory (see {@link LiveRows} and {@link WaitingRuns}) only saves queries, so the
 * operator may crash at any point without losing anything. Thread-safe: {@link RunQueue} uses one
 * thread for a run at a time, but a sweep or a deletion pass may reconcile the same run at the same
 * time. This is safe, because each change checks its guard.
 */
public final class RunReconciler {

  private static final Logger LOG = LoggerFactory.getLogger(RunReconciler.class);

  /** More steps than any run needs in one reconciliation; a protection against an endless loop. */
  private static final int MAX_STEPS = 16;

  /** If a store does not answer, or the cache does not show the result of an effect yet. */
  private static final Duration RETRY_AFTER = Duration.ofSeconds(2);

  /** If the API server refuses a request for this run, for example because a webhook fails. */
  private static final Duration REFUSED_RETRY_AFTER = Duration.ofSeconds(10);

  /** Between two reconciliations of a run of which the first had no effect. */
  private static final Duration MIN_PAUSE = Duration.ofSeconds(1);

  /** After a defect of the operator, or without a permission, which no retry can repair. */
  private static final Duration FAULT_RETRY_AFTER = Duration.ofSeconds(60);

  private static final Duration OLD_ROW = Duration.ofSeconds(1);

  private final Ledger ledger;
  private final Kube kube;
  private final String cluster;
  private final SnapshotReader snapshots;
  private final EffectRunner effects;
  private final Limits limits;
  private final RunDecider decider;
  private final InstantSource hostClock;
  private final LongSupplier nanoTime;
  private final Wakeups wakeups;
  private final ScheduleLimits scheduleLimits;
  private final LiveRows liveRows;
  private final WaitingRuns waitingRuns = new WaitingRuns();
  private final Refusals refusals = new Refusals();
  private volatile Consumer<Run> ended = run -> {};

  /**
   * @param hostClock for the times in a status while the ledger is unavailable; otherwise database
   *     time is used
   * @param nanoTime monotonic time of this process
   */
  public RunReconciler(
      Ledger ledger,
      Kube kube,
      String cluster,
      Limits limits,
      InstantSource hostClock,
      LongSupplier nanoTime,
      Wakeups wakeups,
      ScheduleLimits scheduleLimits) {
    this.ledger = ledger;
    this.kube = kube;
    this.cluster = cluster;
    this.snapshots = new SnapshotReader(kube, cluster, scheduleLimits);
    this.effects = new EffectRunner(ledger, kube, cluster, wakeups);
    this.limits = limits;
    this.decider = new RunDecider(limits);
    this.hostClock = hostClock;
    this.nanoTime = nanoTime;
    this.wakeups = wakeups;
    this.scheduleLimits = scheduleLimits;
    this.liveRows = new LiveRows(cluster);
  }

  /**
   * Sets what is called when a run that refers to a schedule is found to have ended; for the same
   * run it may be called several times. Must not block.
   */
  public void onEnd(Consumer<Run> listener) {
    ended = listener;
  }

  /** Remembers the result of a claim, so that the first reconciliation after it needs no query. */
  public void claimed(Claimed claimed) {
    // for a retry the status also shows the earlier attempts, which a claim does not return
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

  /**
   * The waiting runs whose condition names an outdated reason.
   *
   * @param keys bound on the number of holders that are read
   */
  List<RunKey> outdatedWaiting(int keys) {
    return waitingRuns.outdated(
        ledger.queries().holders(keys),
        kube.podsWithoutNode(ledger.queries().now()),
        run -> kube.run(run, Freshness.CACHED).flatMap(RunObject::status));
  }

  /**
   * Reconciles runs.
   *
   * @return when to reconcile each run again at the latest; a run that is missing waits for an
   *     event
   */
  public Map<RunKey, Requeue> reconcile(List<RunKey> runs) {
    Map<RunKey, Requeue> requeues = new HashMap<>();
    try {
      for (Reconciliation r : reconcileAll(runs, RowSource.MEMORY)) {
        r.requeue.ifPresent(requeue -> requeues.put(r.key, requeue));
      }
    } catch (LedgerUnavailable e) {
      LOG.atWarn()
          .addKeyValue("runs", runs)
          .addKeyValue("error", e.getMessage())
          .log("ledger unavailable; runs will be retried");
      for (RunKey run : runs) {
        writeStoreUnavailable(run);
        requeues.put(run, new Requeue(RETRY_AFTER, Lane.CHANGED));
      }
    }
    return requeues;
  }

  /** As {@link #reconcile(List)}, of one run. */
  public Optional<Duration> reconcile(RunKey run) {
    return Optional.ofNullable(reconcile(List.of(run)).get(run)).map(Requeue::after);
  }

  /**
   * Reconciles runs with rows that are read from the ledger now.
   *
   * @return for each run the error, if a store did not answer
   * @throws LedgerUnavailable if the ledger does not answer the common query
   */
  List<Optional<RuntimeException>> reconcileNow(List<RunKey> runs) {
    return reconcileAll(runs, RowSource.LEDGER).stream().map(r -> r.unanswered).toList();
  }

  /** Where the rows of runs come from. */
  private enum RowSource {
    /** From {@link LiveRows} if they are there, else from the ledger. */
    MEMORY,
    LEDGER
  }

  private List<Reconciliation> reconcileAll(List<RunKey> runs, RowSource source) {
    List<Reconciliation> all = begin(runs, source);
    long begun = nanoTime.getAsLong();
    all.forEach(
        r ->
            r.guarded(
                () -> {
                  r.forgetRowOf(begun);
                  r.proceed();
                }));
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

  /**
   * Empty for a run whose object is missing or being deleted, because the run may have been
   * canceled for that reason since.
   */
  private Optional<LedgerRow> remembered(RunKey run) {
    return liveRows
        .get(run, nanoTime.getAsLong())
        .filter(row -> kube.run(run, Freshness.CACHED).filter(o -> !o.deleting()).isPresent());
  }

  /**
   * If a row cannot be read, returns nothing: each run is then read alone, so that only one fails.
   */
  private Map<RunKey, LedgerRow> loadTogether(List<RunKey> runs) {
    try {
      Loaded loaded = ledger.queries().load(runs, cluster);
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
          .log("runs cannot be read together; each is read alone");
      return Map.of();
    }
  }

  private LedgerRow load(RunKey run) {
    Loaded loaded = ledger.queries().load(run, cluster);
    return new LedgerRow(loaded.run(run), loaded.now(), nanoTime.getAsLong());
  }

  /** One commit for all of them, with one answer for each. */
  private void accept(List<Reconciliation> accepting) {
    List<AcceptRequest> requests = new ArrayList<>();
    for (Reconciliation r : accepting) {
      Effect.Accept e = r.accepting.orElseThrow();
      requests.add(
          new AcceptRequest(e.run(), ObjectRecord.applied(cluster, e.object()), e.outcome()));
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
      AcceptRequest request = requests.get(i);
      r.guarded(
          () -> {
            r.accepted(answer, request.object(), request.outcome().isPresent());
            r.proceed();
          });
    }
  }

  /** One reconciliation of one run. */
  private final class Reconciliation {
    private final RunKey key;
    private final Set<Effect> effectsDone = new HashSet<>();
    private Optional<LedgerRow> row;
    private Freshness freshness = Freshness.CACHED;
    private PodCheck podCheck = new PodCheck.Unasked();
    private Optional<Effect.Accept> accepting = Optional.empty();
    private Optional<Requeue> requeue = Optional.empty();
    private Optional<RuntimeException> unanswered = Optional.empty();

    /**
     * @param row empty if it must be read
     */
    Reconciliation(RunKey key, Optional<LedgerRow> row) {
      this.key = key;
      this.row = row;
    }

    /** Handles an error of this run, so that the other runs of the batch continue. */
    void guarded(Runnable work) {
      try {
        work.run();
        remember();
      } catch (LedgerUnavailable e) {
        unanswered(e, "ledger unavailable");
        writeStoreUnavailable(key);
      } catch (KubeUnavailable e) {
        unanswered(e, "API server unavailable");
      } catch (KubeRefused e) {
        refused(e);
      } catch (RuntimeException e) {
        LOG.atError().addKeyValue("run", key).setCause(e).log("reconciliation of the run failed");
        retry(FAULT_RETRY_AFTER);
      }
    }

    private void unanswered(RuntimeException e, String message) {
      LOG.atWarn().addKeyValue("run", key).addKeyValue("error", e.getMessage()).log(message);
      unanswered = Optional.of(e);
      retry(RETRY_AFTER);
    }

    private void showRefusal(RunSnapshot s, Refusal refusal, Instant now) {
      RunSnapshot after = s.with(refusals.add(key, refusal));
      writeStatus(after, decider.decide(after, now));
    }

    /**
     * From the second time on this may be a matter of this run, so that it is shown if possible.
     */
    private void unanswered(RunSnapshot s, Refusal refusal, Instant now) {
      if (refusals.of(key).isEmpty()) {
        refusals.add(key, refusal);
        return;
      }
      try {
        showRefusal(s, refusal, now);
      } catch (KubeUnavailable | KubeRefused e) {
        LOG.atDebug().addKeyValue("run", key).addKeyValue("error", e.getMessage()).log("not shown");
      }
    }

    /** The server works: this does not count as a request without an answer. */
    private void refused(KubeRefused e) {
      LOG.atWarn()
          .addKeyValue("run", key)
          .addKeyValue("error", e.getMessage())
          .log("the API server refuses a request");
      retry(e instanceof KubeForbidden ? FAULT_RETRY_AFTER : REFUSED_RETRY_AFTER);
    }

    private void retry(Duration after) {
      liveRows.forget(key);
      accepting = Optional.empty();
      requeue = Optional.of(new Requeue(after, lane()));
    }

    /**
     * The rows of several runs are read together. If a request for one of them took long, those of
     * the next ones are read again: their attempts may have ended meanwhile.
     *
     * @param begun when the rows were read
     */
    void forgetRowOf(long begun) {
      if (nanoTime.getAsLong() - begun >= OLD_ROW.toNanos()) {
        row =
            row.filter(
                known -> known.record().filter(r -> r.run().state() == RunState.ACTIVE).isEmpty());
      }
    }

    /** Runs until no effect is left, or until the run must be accepted together with others. */
    void proceed() {
      accepting = Optional.empty();
      for (int steps = 0; steps < MAX_STEPS; steps++) {
        Optional<RunRecord> record = record();
        Instant now = row.orElseThrow().timeAt(nanoTime.getAsLong());
        RunSnapshot s = snapshots.read(key, record, freshness, podCheck, refusals.of(key), now);
        Decision decision = decider.decide(s, now);
        if (decision.effect().isEmpty()) {
          if (!writeStatus(s, decision)) {
            continue; // the object has changed since it was read: decide again
          }
          requeue = decision.requeueAt().map(t -> requeueAfter(Duration.between(now, t)));
          return;
        }
        Effect effect = decision.effect().get();
        if (!effectsDone.add(effect)) {
          // it was carried out, but the cache does not show its result yet
          retry(RETRY_AFTER);
          return;
        }
        LOG.atDebug().addKeyValue("run", key).addKeyValue("effect", kind(effect)).log("effect");
        if (effect instanceof Effect.Accept accept) {
          accepting = Optional.of(accept);
          return;
        }
        try {
          if (!carryOut(effect, s, decision)) {
            return;
          }
          refusals.remove(key);
        } catch (KubeRefused e) {
          showRefusal(s, new Refusal(now, String.valueOf(e.getMessage()), true), now);
          refused(e);
          return;
        } catch (KubeUnavailable e) {
          unanswered(s, new Refusal(now, String.valueOf(e.getMessage()), false), now);
          throw e;
        }
      }
      LOG.atError()
          .addKeyValue("run", key)
          .addKeyValue("effects", effectsDone.stream().map(RunReconciler::kind).toList())
          .log("reconciliation ended after %d steps".formatted(MAX_STEPS));
      retry(RETRY_AFTER);
    }

    /**
     * Carries out an effect.
     *
     * @return false if the reconciliation ends here
     */
    private boolean carryOut(Effect effect, RunSnapshot s, Decision decision) {
      if (effect instanceof Effect.Abandon) {
        liveRows.forget(key); // the deletion of its Job may wake another thread before it has ended
      }
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
          if (writeStatus(s, decision)) {
            requeue = Optional.of(requeueAfter(limits.claimTtl()));
            return false;
          }
        }
      }
      return true;
    }

    /** The row of the run, read from the ledger if it is not known. */
    private Optional<RunRecord> record() {
      LedgerRow known = row.isPresent() ? row.get() : load(key);
      row = Optional.of(known);
      return known.record();
    }

    private void changed(RunRecord after) {
      row = row.map(before -> before.changed(after, nanoTime.getAsLong()));
    }

    void accepted(Acceptance answer, ObjectRecord object, boolean outcomeRestored) {
      switch (answer) {
        case Acceptance.Accepted(var run) -> {
          if (outcomeRestored) {
            WarningEvents.WarningEvent w = WarningEvents.outcomeRestored(run);
            kube.run(key, Freshness.CACHED).ifPresent(o -> kube.warn(o, w.reason(), w.message()));
          }
          changed(new RunRecord(run, List.of(), Optional.of(object), Optional.empty()));
        }
        case Acceptance.Same _, Acceptance.NameTaken _ -> row = Optional.empty();
        case Acceptance.Refused(var _, String message) ->
            throw new IllegalStateException("the ledger refused the run: " + message);
      }
    }

    private void remember() {
      if (row.flatMap(LedgerRow::record)
          .filter(r -> r.run().state() == RunState.ACTIVE)
          .isEmpty()) {
        refusals.remove(key);
      }
      row.ifPresent(known -> liveRows.put(key, known));
      row.flatMap(LedgerRow::record).map(RunRecord::run).ifPresent(scheduleLimits::changed);
      row.flatMap(LedgerRow::record)
          .map(RunRecord::run)
          .filter(run -> run.state().isFinal() && !run.definition().schedule().isEmpty())
          .ifPresent(ended);
      Optional<RunRecord> waiting =
          row.flatMap(LedgerRow::record)
              .filter(r -> r.run().state() == RunState.READY && r.object().isPresent());
      waiting.ifPresentOrElse(
          r -> waitingRuns.put(key, r.run().admitKey()), () -> waitingRuns.remove(key));
    }

    private Requeue requeueAfter(Duration after) {
      if (!after.isPositive()) {
        LOG.atError()
            .addKeyValue("run", key)
            .addKeyValue("after", after)
            .log("defect of the operator: a decision without an effect is due for repetition");
      }
      boolean idle = effectsDone.isEmpty();
      return new Requeue(idle && after.compareTo(MIN_PAUSE) < 0 ? MIN_PAUSE : after, lane());
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

  /** For logs; not the effect itself, which contains parameters of users. */
  private static String kind(Effect effect) {
    return effect.getClass().getSimpleName();
  }

  /**
   * Writes the status if it differs.
   *
   * @return false if the object has changed since it was read
   */
  private boolean writeStatus(RunSnapshot s, Decision decision) {
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
    } catch (KubeUnavailable | KubeRefused e) {
      LOG.atWarn()
          .addKeyValue("run", key)
          .addKeyValue("error", e.getMessage())
          .log("status not written while the ledger is unavailable");
    }
  }
}
