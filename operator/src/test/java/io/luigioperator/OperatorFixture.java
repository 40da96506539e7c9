/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator;

import io.fabric8.kubernetes.api.model.Condition;
import io.fabric8.kubernetes.api.model.ConditionBuilder;
import io.luigioperator.admission.AdmissionLoop;
import io.luigioperator.admission.Capacity;
import io.luigioperator.api.DesiredState;
import io.luigioperator.api.Phase;
import io.luigioperator.api.PipelineRunSpec;
import io.luigioperator.api.PipelineRunStatus;
import io.luigioperator.api.PipelineSpec;
import io.luigioperator.api.Priority;
import io.luigioperator.api.TaskRef;
import io.luigioperator.ledger.ClusterLedger;
import io.luigioperator.ledger.Ledger;
import io.luigioperator.ledger.RunLedger.AcceptRequest;
import io.luigioperator.reconcile.RunReconciler;
import io.luigioperator.reconcile.ScheduleLimits;
import io.luigioperator.reconcile.Signal;
import io.luigioperator.reconcile.Sweep;
import io.luigioperator.reconcile.Wakeups;
import io.luigioperator.run.Ageing;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.ClusterIdentity;
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
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A simulated ledger, a cluster with the id "here", and methods that bring runs into a state step
 * by step. The client of a run is its name up to the first dash. A name may have a namespace other
 * than "data" as a prefix, as in "other/acme-1".
 */
public final class OperatorFixture {
  public static final Instant T0 = Instant.parse("2026-03-01T10:00:00Z");
  public static final String HERE = "here/uid-of-here";

  /** Another cluster, which uses the same ledger. */
  public static final String THERE = "there/uid-of-there";

  public static final RetryPolicy POLICY =
      new RetryPolicy(Duration.ofSeconds(60), Duration.ofSeconds(3600));
  public static final Sweep.Retention RETENTION =
      new Sweep.Retention(Duration.ofHours(1), Duration.ofHours(24), Duration.ofDays(400));

  /** Ignores all calls. */
  public static final Wakeups NO_WAKEUPS =
      new Wakeups() {
        @Override
        public void wakeAdmission() {}

        @Override
        public void wakeTimer() {}
      };

  /** Runs that admission passes have held, or have found ended. */
  public final List<RunKey> changedByAdmission = new ArrayList<>();

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

  public OperatorFixture at(Duration sinceStart) {
    now = T0.plus(sinceStart);
    return this;
  }

  // ---- parts of the operator of this cluster

  public RunReconciler runReconciler() {
    return new RunReconciler(
        ledger, kube, HERE, Limits.DEFAULT, this::now, this::nanoTime, NO_WAKEUPS, limits(ledger));
  }

  /** Of no schedule, as none was applied. */
  public static ScheduleLimits limits(Ledger reached) {
    return new ScheduleLimits(reached, new Signal(), () -> {});
  }

  public Sweep sweep(Consumer<RunKey> woken) {
    return sweep(ledger, woken);
  }

  /** With another ledger than {@link #ledger}, for example a wrapper. */
  public Sweep sweep(Ledger reached, Consumer<RunKey> woken) {
    return new Sweep(
        reached,
        kube,
        HERE,
        RETENTION,
        runReconciler(),
        limits(reached),
        () -> kube.retiredNamespaces,
        woken);
  }

  public AdmissionLoop admission(int slots, Consumer<RunKey> launched) {
    return admission(new Capacity(slots), launched);
  }

  public AdmissionLoop admission(Capacity capacity, Consumer<RunKey> launched) {
    return new AdmissionLoop(
        ledger,
        kube,
        HERE,
        capacity,
        () -> "t-" + ++tokens,
        Runnable::run,
        claimed -> launched.accept(claimed.run().key()),
        changedByAdmission::add);
  }

  // ---- runs and their objects

  /** Accepted from an object of this cluster. */
  public OperatorFixture accepted(String name) {
    return accepted(name, HERE, spec(name)).objectExists(name, "uid-" + name);
  }

  /** The cluster has sent a heartbeat. */
  public void registered(String cluster) {
    ClusterIdentity identity =
        new ClusterIdentity(ClusterIdentity.clusterIdOf(cluster), ClusterIdentity.uidOf(cluster));
    if (!(ledger.clusters().register(identity, true)
        instanceof ClusterLedger.Registration.Registered)) {
      throw new IllegalStateException(cluster + " is refused");
    }
  }

  /** Accepted by another cluster, without an object in this one. */
  public OperatorFixture acceptedElsewhere(String name) {
    return accepted(name, THERE, spec(name));
  }

  /** Accepted with a start deadline. */
  public OperatorFixture acceptedWithStartDeadline(String name, int startDeadlineSeconds) {
    return accepted(name, HERE, spec(name, DATE, DesiredState.Running, startDeadlineSeconds))
        .objectExists(name, "uid-" + name);
  }

  /** Accepted with desiredState Held. */
  public OperatorFixture acceptedHeld(String name) {
    return accepted(name, HERE, spec(name, DATE, DesiredState.Held, null))
        .objectExists(name, "uid-" + name);
  }

  private OperatorFixture accepted(String name, String cluster, PipelineRunSpec spec) {
    RunObject object = object(name, "uid-" + name, spec, Deletion.NONE);
    Resolution.Resolved resolved = (Resolution.Resolved) Resolver.resolve(object, Optional.empty());
    ledger
        .runs()
        .accept(List.of(new AcceptRequest(resolved.run(), ObjectRecord.applied(cluster, object))));
    return this;
  }

  private enum Deletion {
    NONE,
    IN_PROGRESS
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

  private static RunObject object(
      String name, String uid, PipelineRunSpec spec, Deletion deletion) {
    return new RunObject(
        key(name), uid, 1, T0, deletion == Deletion.IN_PROGRESS, false, spec, Optional.empty());
  }

  /** An object of this name exists, also in the cache. */
  public OperatorFixture objectExists(String name, String uid) {
    return store(object(name, uid, spec(name), Deletion.NONE));
  }

  /** An object of this name exists with another spec than the run. */
  public OperatorFixture objectExistsWithAnotherSpec(String name, String uid) {
    PipelineRunSpec spec = spec(name, "2026-02-27", DesiredState.Running, null);
    return store(object(name, uid, spec, Deletion.NONE));
  }

  /** Its object carries a deletionTimestamp. */
  public OperatorFixture objectDeleting(String name) {
    return store(object(name, "uid-" + name, spec(name), Deletion.IN_PROGRESS));
  }

  /** The status of its object shows that it has succeeded. */
  public OperatorFixture objectShowsSuccess(String name, String uid) {
    RunObject o = object(name, uid, spec(name), Deletion.NONE);
    List<Condition> conditions =
        Stream.of("Accepted", "Succeeded", "Finished")
            .map(type -> new ConditionBuilder().withType(type).withStatus("True").build())
            .toList();
    PipelineRunStatus status =
        PipelineRunStatus.builder()
            .observedGeneration(1L)
            .phase(Phase.Succeeded)
            .reason("Completed")
            .conditions(conditions)
            .build();
    return store(new RunObject(o.key(), uid, 1, T0, false, false, o.spec(), Optional.of(status)));
  }

  private OperatorFixture store(RunObject object) {
    kube.runs.put(object.key(), object);
    kube.cachedRuns.put(object.key(), object);
    return this;
  }

  /** Its object is deleted, also from the cache. */
  public OperatorFixture objectDeleted(String name) {
    kube.cachedRuns.remove(key(name));
    return objectDeletedButCached(name);
  }

  /** Its object is deleted, but not from the cache. */
  public OperatorFixture objectDeletedButCached(String name) {
    kube.runs.remove(key(name));
    return this;
  }

  /** Its object exists, but not in the cache. */
  public OperatorFixture objectNotCached(String name) {
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

  /** Claimed and bound to the gated pod of its Job. */
  public OperatorFixture bound(String name) {
    return boundBy(HERE, name);
  }

  public OperatorFixture boundBy(String cluster, String name) {
    claimedBy(cluster, name).job(name, "token-" + name).pod("pod-" + name, name);
    ledger.attempts().bind(attempt(name).ref(), "job-" + name, "pod-" + name).orElseThrow();
    return this;
  }

  /** Bound, and finished with this cause. */
  public OperatorFixture ended(String name, EndCause cause) {
    return bound(name).finished(name, cause);
  }

  /** Its bound attempt is finished in the ledger. */
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
    return new Ending(cause, OptionalInt.empty(), "message of the pod", "");
  }

  // ---- Jobs and pods

  /** A Job with the name of the first attempt of the run. */
  public OperatorFixture job(String name, String token) {
    kube.jobs.add(new ObservedJob(DATA, name + "-a1", "job-" + name, token, now, false, 0, false));
    return this;
  }

  /** A gated pod with the token and the Job of this run. */
  public OperatorFixture pod(String uid, String name) {
    kube.pods.add(Pods.gated(DATA, uid, uid, "token-" + name, "job-" + name));
    return this;
  }

  /** The gate of its pod is open. */
  public OperatorFixture gateOpened(String name) {
    return podBecomes(name, Pods::opened);
  }

  public OperatorFixture podTerminating(String name) {
    return podBecomes(name, Pods::terminating);
  }

  /** Its pod is terminal. */
  public OperatorFixture podTerminal(String name, EndCause cause) {
    return podBecomes(name, p -> Pods.terminal(Pods.ended(Pods.opened(p), ending(cause))));
  }

  /** A watch has reported the deletion of its pod. */
  public OperatorFixture podDeleted(String name) {
    return podBecomes(name, ObservedPod::asGone);
  }

  private OperatorFixture podBecomes(String name, UnaryOperator<ObservedPod> change) {
    kube.pods.replaceAll(p -> p.uid().equals("pod-" + name) ? change.apply(p) : p);
    return this;
  }

  // ---- reads

  public Run run(String name) {
    return ledger.queries().load(key(name), HERE).run(key(name)).orElseThrow().run();
  }

  /** The newest attempt. */
  public Attempt attempt(String name) {
    return ledger
        .queries()
        .load(key(name), HERE)
        .run(key(name))
        .orElseThrow()
        .attempts()
        .getFirst();
  }

  /** State and reason of a run, as text. */
  public String stateAndReason(String name) {
    Run run = run(name);
    return (run.state() + " " + run.stateDetails().reason()).strip();
  }
}
