/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator;

import io.luigioperator.admission.AdmissionLoop;
import io.luigioperator.admission.Capacity;
import io.luigioperator.api.DesiredState;
import io.luigioperator.api.PipelineRunSpec;
import io.luigioperator.api.PipelineSpec;
import io.luigioperator.api.Priority;
import io.luigioperator.api.TaskRef;
import io.luigioperator.ledger.Ledger;
import io.luigioperator.ledger.RunLedger.AcceptRequest;
import io.luigioperator.reconcile.RunReconciler;
import io.luigioperator.reconcile.Sweep;
import io.luigioperator.reconcile.Wakeups;
import io.luigioperator.run.Ageing;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.EndCause;
import io.luigioperator.run.Ending;
import io.luigioperator.run.Limits;
import io.luigioperator.run.ObjectRecord;
import io.luigioperator.run.ObservedAttempt.ObservedJob;
import io.luigioperator.run.ObservedAttempt.ObservedPod;
import io.luigioperator.run.Pods;
import io.luigioperator.run.Presence;
import io.luigioperator.run.Resolver;
import io.luigioperator.run.Resolver.Resolution;
import io.luigioperator.run.RetryPolicy;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunObject;
import io.luigioperator.sim.SimLedger;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * A ledger and a cluster called "here", and runs that are brought into a situation step by step. A
 * run is of the client of its name up to the first dash; it may be called with another namespace
 * than "data" before its name, as in "other/acme-1".
 */
public final class OperatorFixture {
  public static final Instant T0 = Instant.parse("2026-03-01T10:00:00Z");
  public static final String HERE = "here";
  public static final RetryPolicy POLICY =
      new RetryPolicy(Duration.ofSeconds(60), Duration.ofSeconds(3600));
  public static final Sweep.Retention RETENTION =
      new Sweep.Retention(Duration.ofHours(1), Duration.ofHours(24), Duration.ofDays(400));

  /** Nobody waits for a signal. */
  public static final Wakeups NO_LOOPS =
      new Wakeups() {
        @Override
        public void admission() {}

        @Override
        public void timer() {}
      };

  private static final String DATA = "data";
  private static final String DATE = "2026-02-28";

  private Instant now = T0;
  private int tokens;
  public final SimLedger ledger = new SimLedger(() -> now, Ageing.DEFAULT);
  public final FakeKube kube = new FakeKube();

  public static RunKey key(String name) {
    String[] parts = name.split("/");
    return parts.length == 1 ? new RunKey(DATA, name) : new RunKey(parts[0], parts[1]);
  }

  public Instant now() {
    return now;
  }

  private long nanoTime() {
    return Duration.between(T0, now).toNanos();
  }

  public OperatorFixture at(Duration sinceTheBeginning) {
    now = T0.plus(sinceTheBeginning);
    return this;
  }

  // ---- the operator of that cluster

  public RunReconciler runReconciler() {
    return new RunReconciler(
        ledger, kube, HERE, Limits.DEFAULT, this::now, this::nanoTime, NO_LOOPS);
  }

  public Sweep sweep(Consumer<RunKey> woken) {
    return sweep(ledger, woken);
  }

  /** It reaches the ledger through this one. */
  public Sweep sweep(Ledger reached, Consumer<RunKey> woken) {
    return new Sweep(reached, kube, HERE, RETENTION, runReconciler(), woken);
  }

  public AdmissionLoop admission(int slots, Consumer<RunKey> launched) {
    return new AdmissionLoop(
        ledger,
        kube,
        HERE,
        new Capacity(slots),
        () -> "t-" + ++tokens,
        Runnable::run,
        claimed -> launched.accept(claimed.run().key()));
  }

  // ---- runs and their objects

  /** Accepted from an object of this cluster. */
  public OperatorFixture accepted(String name) {
    return accepted(name, HERE, spec(name)).present(name, "uid-" + name);
  }

  /** Accepted by another cluster: nothing of it is here. */
  public OperatorFixture acceptedElsewhere(String name) {
    return accepted(name, "there", spec(name));
  }

  /** Accepted, and to be started within so many seconds. */
  public OperatorFixture acceptedUrgently(String name, int startDeadlineSeconds) {
    return accepted(name, HERE, spec(name, DATE, DesiredState.Running, startDeadlineSeconds))
        .present(name, "uid-" + name);
  }

  /** Accepted, and to be held until its object says otherwise. */
  public OperatorFixture acceptedHeld(String name) {
    return accepted(name, HERE, spec(name, DATE, DesiredState.Held, null))
        .present(name, "uid-" + name);
  }

  private OperatorFixture accepted(String name, String cluster, PipelineRunSpec spec) {
    RunObject object = object(name, "uid-" + name, spec, Going.STAYS);
    Resolution.Resolved resolved = (Resolution.Resolved) Resolver.resolve(object, Optional.empty());
    ledger
        .runs()
        .accept(
            List.of(new AcceptRequest(resolved.run(), new ObjectRecord(cluster, object.uid(), 1))));
    return this;
  }

  private enum Going {
    STAYS,
    DELETING
  }

  private static PipelineRunSpec spec(String name) {
    return spec(name, DATE, DesiredState.Running, null);
  }

  private static PipelineRunSpec spec(
      String name, String date, DesiredState desired, @Nullable Integer startDeadlineSeconds) {
    return new PipelineRunSpec(
        null,
        PipelineSpec.ofDefaults("flights:1", new TaskRef("flights", "Report")),
        key(name).name().replaceFirst("-.*", ""),
        date,
        List.of(),
        null,
        Priority.Normal,
        desired,
        null,
        startDeadlineSeconds,
        null,
        null,
        null);
  }

  private static RunObject object(String name, String uid, PipelineRunSpec spec, Going going) {
    return new RunObject(
        key(name), uid, 1, T0, going == Going.DELETING, false, spec, Optional.empty());
  }

  /** An object of that name is there, and in the cache. */
  public OperatorFixture present(String name, String uid) {
    return stored(object(name, uid, spec(name), Going.STAYS));
  }

  /** An object of that name is there that asks for something else than the run. */
  public OperatorFixture presentForSomethingElse(String name, String uid) {
    PipelineRunSpec spec = spec(name, "2026-02-27", DesiredState.Running, null);
    return stored(object(name, uid, spec, Going.STAYS));
  }

  /** Its object carries a deletionTimestamp. */
  public OperatorFixture deleting(String name) {
    return stored(object(name, "uid-" + name, spec(name), Going.DELETING));
  }

  private OperatorFixture stored(RunObject object) {
    kube.runs.put(object.key(), object);
    kube.cachedRuns.put(object.key(), object);
    return this;
  }

  /** Its object is gone, and the cache knows. */
  public OperatorFixture gone(String name) {
    kube.cachedRuns.remove(key(name));
    return goneUnnoticed(name);
  }

  /** Its object is gone, and the cache has not heard of it. */
  public OperatorFixture goneUnnoticed(String name) {
    kube.runs.remove(key(name));
    return this;
  }

  /** The cache has lost sight of its object. */
  public OperatorFixture uncached(String name) {
    kube.cachedRuns.remove(key(name));
    return this;
  }

  // ---- attempts

  public OperatorFixture claimed(String name) {
    return claimedBy(HERE, name);
  }

  public OperatorFixture claimedBy(String cluster, String name) {
    Run run = run(name);
    ledger.attempts().claim(run.admitKey(), run.key(), "token-" + name, cluster).orElseThrow();
    return this;
  }

  /** Claimed, its Job made, and bound to the pod of that Job, which is gated. */
  public OperatorFixture bound(String name) {
    return boundBy(HERE, name);
  }

  public OperatorFixture boundBy(String cluster, String name) {
    claimedBy(cluster, name).job(name, "token-" + name).pod("pod-" + name, name);
    ledger.attempts().bind(attempt(name).ref(), "job-" + name, "pod-" + name).orElseThrow();
    return this;
  }

  /** Bound, and ended with that cause. */
  public OperatorFixture ended(String name, EndCause cause) {
    return bound(name).finished(name, cause);
  }

  /** What is bound has ended, as far as the ledger is concerned. */
  public OperatorFixture finished(String name, EndCause cause) {
    ledger
        .attempts()
        .finish(attempt(name).ref(), "pod-" + name, ending(cause), POLICY, Presence.PRESENT)
        .orElseThrow();
    return this;
  }

  /** Its backoff has passed. */
  public OperatorFixture due(String name) {
    ledger.maintenance().due(10);
    return this;
  }

  public static Ending ending(EndCause cause) {
    return new Ending(cause, OptionalInt.empty(), "words of the pod", "");
  }

  // ---- what stands in the cluster

  /** A Job that bears the name of the run's first attempt. */
  public OperatorFixture job(String name, String token) {
    kube.jobs.add(new ObservedJob(DATA, name + "-a1", "job-" + name, token, now, false));
    return this;
  }

  /** A gated pod of that run's token and Job. */
  public OperatorFixture pod(String uid, String name) {
    kube.pods.add(Pods.gated(DATA, uid, uid, "token-" + name, "job-" + name));
    return this;
  }

  /** Its pod is gated no more. */
  public OperatorFixture opened(String name) {
    return podBecomes(name, Pods::opened);
  }

  public OperatorFixture terminating(String name) {
    return podBecomes(name, Pods::terminating);
  }

  /** Its pod has ended. */
  public OperatorFixture terminal(String name, EndCause cause) {
    return podBecomes(name, p -> Pods.terminal(Pods.ended(Pods.opened(p), ending(cause))));
  }

  /** A watch saw its pod vanish. */
  public OperatorFixture vanished(String name) {
    return podBecomes(name, ObservedPod::asGone);
  }

  private OperatorFixture podBecomes(String name, UnaryOperator<ObservedPod> change) {
    kube.pods.replaceAll(p -> p.uid().equals("pod-" + name) ? change.apply(p) : p);
    return this;
  }

  // ---- looking

  public Run run(String name) {
    return ledger.queries().load(key(name), HERE).run(key(name)).orElseThrow().run();
  }

  /** The newest one. */
  public Attempt attempt(String name) {
    return ledger
        .queries()
        .load(key(name), HERE)
        .run(key(name))
        .orElseThrow()
        .attempts()
        .getFirst();
  }

  /** State and reason of a run, in a word or two. */
  public String standing(String name) {
    Run run = run(name);
    return (run.state() + " " + run.standing().reason()).strip();
  }
}
