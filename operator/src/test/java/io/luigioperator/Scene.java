/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator;

import io.luigioperator.api.DesiredState;
import io.luigioperator.api.PipelineRunSpec;
import io.luigioperator.api.PipelineSpec;
import io.luigioperator.api.Priority;
import io.luigioperator.api.TaskRef;
import io.luigioperator.ledger.Ledger.ObjectRecord;
import io.luigioperator.run.Ageing;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.AttemptSeen.JobSeen;
import io.luigioperator.run.AttemptSeen.PodSeen;
import io.luigioperator.run.EndCause;
import io.luigioperator.run.Ending;
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
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * A ledger and a cluster called "here", and runs that are brought into a situation step by step. A
 * run is of the client of its name up to the first dash.
 */
public final class Scene {
  public static final Instant T0 = Instant.parse("2026-03-01T10:00:00Z");
  public static final String HERE = "here";
  public static final RetryPolicy POLICY =
      new RetryPolicy(Duration.ofSeconds(60), Duration.ofSeconds(3600));
  private static final String DATA = "data";

  private Instant now = T0;
  public final SimLedger ledger = new SimLedger(() -> now, Ageing.DEFAULT);
  public final FakeKube kube = new FakeKube();

  public static RunKey key(String name) {
    return new RunKey(DATA, name);
  }

  public Instant now() {
    return now;
  }

  public Scene at(Duration sinceTheBeginning) {
    now = T0.plus(sinceTheBeginning);
    return this;
  }

  // ---- runs and their objects

  /** Accepted from an object of this cluster. */
  public Scene accepted(String name) {
    return accepted(name, HERE, null).present(name, "uid-" + name);
  }

  /** Accepted by another cluster: nothing of it is here. */
  public Scene acceptedElsewhere(String name) {
    return accepted(name, "there", null);
  }

  /** Accepted, and to be started within so many seconds. */
  public Scene acceptedUrgently(String name, int startDeadlineSeconds) {
    return accepted(name, HERE, startDeadlineSeconds).present(name, "uid-" + name);
  }

  private Scene accepted(String name, String cluster, @Nullable Integer startDeadlineSeconds) {
    RunObject object = object(name, "uid-" + name, startDeadlineSeconds, Going.STAYS);
    Resolution.Resolved resolved = (Resolution.Resolved) Resolver.resolve(object, Optional.empty());
    ledger.accept(resolved.run(), new ObjectRecord(cluster, object.uid(), 1));
    return this;
  }

  private enum Going {
    STAYS,
    DELETING
  }

  private static RunObject object(
      String name, String uid, @Nullable Integer startDeadlineSeconds, Going going) {
    PipelineRunSpec spec =
        new PipelineRunSpec(
            null,
            PipelineSpec.ofDefaults("flights:1", new TaskRef("flights", "Report")),
            name.replaceFirst("-.*", ""),
            "2026-02-28",
            List.of(),
            null,
            Priority.Normal,
            DesiredState.Running,
            null,
            startDeadlineSeconds,
            null,
            null,
            null);
    return new RunObject(
        key(name), uid, 1, T0, going == Going.DELETING, false, spec, Optional.empty());
  }

  /** An object of that name is there, and in the cache. */
  public Scene present(String name, String uid) {
    RunObject object = object(name, uid, null, Going.STAYS);
    kube.runs.put(object.key(), object);
    kube.cachedRuns.put(object.key(), object);
    return this;
  }

  /** Its object carries a deletionTimestamp. */
  public Scene deleting(String name) {
    RunObject object = object(name, "uid-" + name, null, Going.DELETING);
    kube.runs.put(object.key(), object);
    kube.cachedRuns.put(object.key(), object);
    return this;
  }

  /** Its object is gone, and the cache knows. */
  public Scene gone(String name) {
    kube.cachedRuns.remove(key(name));
    return goneUnnoticed(name);
  }

  /** Its object is gone, and the cache has not heard of it. */
  public Scene goneUnnoticed(String name) {
    kube.runs.remove(key(name));
    return this;
  }

  /** The cache has lost sight of its object. */
  public Scene uncached(String name) {
    kube.cachedRuns.remove(key(name));
    return this;
  }

  // ---- attempts

  public Scene claimed(String name) {
    return claimedBy(HERE, name);
  }

  public Scene claimedBy(String cluster, String name) {
    Run run = run(name);
    ledger.claim(run.admitKey(), run.key(), "token-" + name, cluster).orElseThrow();
    return this;
  }

  /** Claimed, its Job made, and bound to the pod of that Job, which is gated. */
  public Scene bound(String name) {
    return boundBy(HERE, name);
  }

  public Scene boundBy(String cluster, String name) {
    claimedBy(cluster, name).job(name, "token-" + name).pod("pod-" + name, name);
    ledger.bind(attempt(name).ref(), "job-" + name, "pod-" + name).orElseThrow();
    return this;
  }

  /** Bound, and ended with that cause. */
  public Scene ended(String name, EndCause cause) {
    bound(name);
    ledger
        .finish(attempt(name).ref(), "pod-" + name, ending(cause), POLICY, Presence.PRESENT)
        .orElseThrow();
    return this;
  }

  public static Ending ending(EndCause cause) {
    return new Ending(cause, OptionalInt.empty(), "words of the pod", "");
  }

  // ---- what stands in the cluster

  /** A Job that bears the name of the run's first attempt. */
  public Scene job(String name, String token) {
    kube.jobs.add(new JobSeen(DATA, name + "-a1", "job-" + name, token, now, false));
    return this;
  }

  /** A gated pod of that run's token and Job. */
  public Scene pod(String uid, String name) {
    kube.pods.add(Pods.gated(DATA, uid, uid, "token-" + name, "job-" + name));
    return this;
  }

  /** Its pod is gated no more. */
  public Scene opened(String name) {
    return podBecomes(name, Pods::opened);
  }

  public Scene terminating(String name) {
    return podBecomes(name, Pods::terminating);
  }

  /** Its pod has ended. */
  public Scene terminal(String name, EndCause cause) {
    return podBecomes(name, p -> Pods.terminal(Pods.ended(Pods.opened(p), ending(cause))));
  }

  private Scene podBecomes(String name, UnaryOperator<PodSeen> change) {
    kube.pods.replaceAll(p -> p.uid().equals("pod-" + name) ? change.apply(p) : p);
    return this;
  }

  // ---- looking

  public Run run(String name) {
    return ledger.load(key(name), HERE).orElseThrow().run();
  }

  /** The newest one. */
  public Attempt attempt(String name) {
    return ledger.load(key(name), HERE).orElseThrow().attempts().getFirst();
  }

  /** State and reason of a run, in a word or two. */
  public String standing(String name) {
    Run run = run(name);
    return (run.state() + " " + run.standing().reason()).strip();
  }
}
