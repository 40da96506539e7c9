/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import io.luigioperator.api.DesiredState;
import io.luigioperator.api.Parameter;
import io.luigioperator.api.PipelineRunSpec;
import io.luigioperator.api.PipelineSpec;
import io.luigioperator.api.Priority;
import io.luigioperator.api.TaskRef;
import io.luigioperator.run.ObservedAttempt.ObservedJob;
import io.luigioperator.run.ObservedAttempt.ObservedPod;
import io.luigioperator.run.Resolver.Resolution;
import io.luigioperator.run.RunSnapshot.PodCheck;
import io.luigioperator.run.RunSnapshot.Row;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/** Builds the snapshot of a run, one fact at a time. */
final class SnapshotBuilder {

  static final Instant T0 = Instant.parse("2026-01-31T12:00:00Z");
  static final RunKey KEY = new RunKey("flights", "ua-20130115");
  static final PipelineSpec PIPELINE =
      PipelineSpec.ofDefaults("flights:1", new TaskRef("flights.pipeline", "CarrierReport"));
  static final RetryPolicy POLICY = RetryPolicy.of(PIPELINE.retry());

  private RunObject object = object(spec(DesiredState.Running), "uid-1", 1);
  private boolean objectThere = true;
  private String cluster = "main";
  private Run run = WaitingTransitions.accept(newRun(object), Ageing.DEFAULT, T0);
  private Optional<Attempt> attempt = Optional.empty();
  private Optional<ObjectRecord> recorded =
      Optional.of(new ObjectRecord("main", "uid-1", 1, Instant.EPOCH, false));
  private Optional<RunKey> holder = Optional.empty();
  private Optional<ScheduleObject> schedule = Optional.empty();
  private Optional<ObservedJob> job = Optional.empty();
  private final List<ObservedPod> pods = new ArrayList<>();
  private boolean live;
  private Optional<ObservedNode> node = Optional.empty();
  private Optional<RunSnapshot.Refusal> refusal = Optional.empty();
  private Optional<String> podWarning = Optional.empty();
  private Optional<ObservedPod> withoutNode = Optional.empty();
  private Optional<RunSnapshot.LimitUse> limit = Optional.empty();
  Instant now = T0.plusSeconds(5);

  static SnapshotBuilder ready() {
    return new SnapshotBuilder();
  }

  static SnapshotBuilder claimed() {
    SnapshotBuilder c = new SnapshotBuilder();
    RunAndAttempt m = AttemptTransitions.claim(c.run, 7, "token-1", "main", T0).orElseThrow();
    c.run = m.run();
    c.attempt = Optional.of(m.attempt());
    return c;
  }

  /** Bound to pod-1 of job-1. */
  static SnapshotBuilder bound() {
    SnapshotBuilder c = claimed().job("job-1", "token-1");
    RunAndAttempt m =
        AttemptTransitions.bind(c.run, c.attempt.orElseThrow(), "job-1", "pod-1", T0).orElseThrow();
    c.run = m.run();
    c.attempt = Optional.of(m.attempt());
    return c;
  }

  SnapshotBuilder onNode(String name) {
    attempt = attempt.flatMap(a -> AttemptTransitions.recordNode(a, "pod-1", name));
    return this;
  }

  SnapshotBuilder stopping(FailureCause cause) {
    attempt = attempt.flatMap(a -> AttemptTransitions.markForStop(a, "pod-1", cause, "stopped"));
    return this;
  }

  SnapshotBuilder missingSince(Instant t) {
    attempt = attempt.flatMap(a -> AttemptTransitions.markPodMissing(a, "pod-1", t));
    return this;
  }

  SnapshotBuilder startDeadline(long seconds) {
    run = run.with(run.times().withStartDeadline(Optional.of(T0.plusSeconds(seconds))));
    return this;
  }

  SnapshotBuilder canceled() {
    run = WaitingTransitions.cancel(run, Reasons.CANCELED, "canceled", T0).orElseThrow();
    return this;
  }

  SnapshotBuilder finished(EndCause cause) {
    RunAndAttempt m =
        EndTransitions.finish(
                run,
                attempt.orElseThrow(),
                "pod-1",
                new Ending(cause, OptionalInt.empty(), "message", ""),
                POLICY,
                0,
                Presence.PRESENT,
                T0)
            .orElseThrow();
    run = m.run();
    attempt = Optional.of(m.attempt());
    return this;
  }

  SnapshotBuilder object(RunObject o) {
    object = o;
    return this;
  }

  /** Accepted with this schedule. */
  SnapshotBuilder accepted(RunObject o, ScheduleObject schedule) {
    object = o;
    Resolution r = Resolver.resolve(o, Optional.of(schedule));
    run = WaitingTransitions.accept(((Resolution.Resolved) r).run(), Ageing.DEFAULT, T0);
    return this;
  }

  SnapshotBuilder schedule(ScheduleObject s) {
    schedule = Optional.of(s);
    return this;
  }

  /** As an operator in another cluster sees the run. */
  SnapshotBuilder seenFrom(String otherCluster) {
    cluster = otherCluster;
    return this;
  }

  SnapshotBuilder noObject() {
    objectThere = false;
    return this;
  }

  SnapshotBuilder notRecorded() {
    recorded = Optional.empty();
    return this;
  }

  SnapshotBuilder recordedAs(String uid, long generation) {
    recorded = Optional.of(new ObjectRecord("main", uid, generation, Instant.EPOCH, false));
    return this;
  }

  /** The object with the status that is decided now. */
  RunObject withStatus() {
    return new RunObject(
        KEY, object.uid(), object.generation(), T0, false, false, object.spec(), decide().status());
  }

  SnapshotBuilder run(Run r) {
    run = r;
    return this;
  }

  SnapshotBuilder heldBy(RunKey other) {
    holder = Optional.of(other);
    return this;
  }

  SnapshotBuilder job(String uid, String token) {
    job =
        Optional.of(new ObservedJob("flights", "ua-20130115-a1", uid, token, T0, false, 0, false));
    return this;
  }

  SnapshotBuilder endedJob() {
    job =
        job.map(
            j ->
                new ObservedJob(
                    j.namespace(), j.name(), j.uid(), j.token(), j.createdAt(), false, 0, true));
    return this;
  }

  SnapshotBuilder pod(ObservedPod p) {
    pods.add(p);
    return this;
  }

  SnapshotBuilder suspendedJob() {
    job =
        job.map(
            j ->
                new ObservedJob(
                    j.namespace(), j.name(), j.uid(), j.token(), j.createdAt(), true, 0, false));
    return this;
  }

  /** The Job controller reports that it has created a pod. */
  SnapshotBuilder activeJob() {
    job =
        job.map(
            j ->
                new ObservedJob(
                    j.namespace(), j.name(), j.uid(), j.token(), j.createdAt(), false, 1, false));
    return this;
  }

  SnapshotBuilder refused(Instant since, String message) {
    refusal = Optional.of(new RunSnapshot.Refusal(since, message, true));
    return this;
  }

  SnapshotBuilder unanswered(Instant since, String message) {
    refusal = Optional.of(new RunSnapshot.Refusal(since, message, false));
    return this;
  }

  SnapshotBuilder podWarning(String message) {
    podWarning = Optional.of(message);
    return this;
  }

  SnapshotBuilder withoutNode(ObservedPod p) {
    withoutNode = Optional.of(p);
    return this;
  }

  SnapshotBuilder limit(RunSnapshot.LimitUse use) {
    limit = Optional.of(use);
    return this;
  }

  SnapshotBuilder live() {
    live = true;
    return this;
  }

  SnapshotBuilder node(ObservedNode n) {
    node = Optional.of(n);
    return this;
  }

  SnapshotBuilder after(Duration since) {
    now = T0.plus(since);
    return this;
  }

  Run run() {
    return run;
  }

  Attempt attempt() {
    return attempt.orElseThrow();
  }

  RunSnapshot snapshot() {
    return new RunSnapshot(
        KEY,
        cluster,
        Optional.of(object).filter(o -> objectThere),
        schedule,
        new PodCheck.Passed(),
        Optional.of(
            new Row(
                run,
                Optional.of(RequestJson.read(run.definition().request())),
                attempt.stream().toList(),
                recorded,
                holder)),
        attempt.map(a -> new ObservedAttempt(job, pods, live)),
        node,
        new RunSnapshot.Hints(refusal, podWarning, withoutNode, limit));
  }

  Decision decide() {
    return new RunDecider(Limits.DEFAULT).decide(snapshot(), now);
  }

  // ---- objects

  static RunObject object(PipelineRunSpec spec, String uid, long generation) {
    return new RunObject(KEY, uid, generation, T0, false, false, spec, Optional.empty());
  }

  static PipelineRunSpec spec(DesiredState desired) {
    return spec(desired, "15", null);
  }

  static PipelineRunSpec spec(DesiredState desired, String minDelay, Integer ttl) {
    return new PipelineRunSpec(
        null,
        PIPELINE,
        "UA",
        "2013-01-15",
        List.of(new Parameter("min_delay", minDelay)),
        null,
        Priority.Normal,
        desired,
        null,
        null,
        null,
        null,
        ttl);
  }

  static NewRun newRun(RunObject object) {
    return ((Resolution.Resolved) Resolver.resolve(object, Optional.empty())).run();
  }
}
