/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ops;

import io.luigioperator.api.PipelineRunSpec;
import io.luigioperator.api.PipelineRunStatus;
import io.luigioperator.job.Kube;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.ObservedAttempt;
import io.luigioperator.run.ObservedAttempt.ObservedJob;
import io.luigioperator.run.ObservedAttempt.ObservedPod;
import io.luigioperator.run.ObservedNode;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunObject;
import io.luigioperator.run.ScheduleKey;
import io.luigioperator.run.ScheduleObject;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** A {@link Kube} that times every call and reports opened gates to {@link RunMetrics}. */
public final class InstrumentedKube implements Kube {

  private final Kube kube;
  private final StoreCalls calls;
  private final RunMetrics runs;

  public InstrumentedKube(Kube kube, Metrics metrics, RunMetrics runs) {
    this.kube = kube;
    this.calls = new StoreCalls(metrics, "kubernetes");
    this.runs = runs;
  }

  @Override
  public String identity() {
    return calls.time("identity", kube::identity);
  }

  @Override
  public Instant servedSince(String namespace) {
    return calls.time("servedSince", () -> kube.servedSince(namespace));
  }

  @Override
  public Set<String> retiredClusters(String namespace) {
    return calls.time("retiredClusters", () -> kube.retiredClusters(namespace));
  }

  @Override
  public Map<String, Instant> retiredNamespaces(String namespace) {
    return calls.time("retiredNamespaces", () -> kube.retiredNamespaces(namespace));
  }

  @Override
  public NamespaceState namespace(String name) {
    return calls.time("namespace", () -> kube.namespace(name));
  }

  @Override
  public Optional<Instant> deletionsConfirmed(String namespace) {
    return calls.time("deletionsConfirmed", () -> kube.deletionsConfirmed(namespace));
  }

  @Override
  public boolean crdEstablished() {
    return calls.time("crdEstablished", kube::crdEstablished);
  }

  @Override
  public ObservedNode node(String name) {
    return calls.time("node", () -> kube.node(name));
  }

  @Override
  public Map<String, ObservedPod> podsWithoutNode(Instant now) {
    return calls.time("podsWithoutNode", () -> kube.podsWithoutNode(now));
  }

  @Override
  public Optional<RunObject> run(RunKey key, Freshness freshness) {
    return calls.time("run", () -> kube.run(key, freshness));
  }

  @Override
  public Optional<ScheduleObject> schedule(String namespace, String name) {
    return calls.time("schedule", () -> kube.schedule(namespace, name));
  }

  @Override
  public boolean scheduleExists(ScheduleKey schedule) {
    return calls.time("scheduleExists", () -> kube.scheduleExists(schedule));
  }

  @Override
  public Optional<Instant> schedulesServedSince(String namespace) {
    return calls.time("schedulesServedSince", () -> kube.schedulesServedSince(namespace));
  }

  @Override
  public List<RunObject> createdRuns(ScheduleKey schedule, String client) {
    return calls.time("createdRuns", () -> kube.createdRuns(schedule, client));
  }

  @Override
  public RunCreation createRun(RunKey key, PipelineRunSpec spec) {
    return calls.time("createRun", () -> kube.createRun(key, spec));
  }

  @Override
  public void deleteRun(RunKey key, String uid) {
    calls.time("deleteRun", () -> kube.deleteRun(key, uid));
  }

  @Override
  public boolean writeStatus(RunObject object, PipelineRunStatus status) {
    return calls.time("writeStatus", () -> kube.writeStatus(object, status));
  }

  @Override
  public void warn(RunObject object, String reason, String message) {
    calls.time("warn", () -> kube.warn(object, reason, message));
  }

  @Override
  public void warn(ScheduleObject schedule, String reason, String message) {
    calls.time("warn", () -> kube.warn(schedule, reason, message));
  }

  @Override
  public ObservedAttempt attempt(Attempt attempt, Freshness freshness) {
    return calls.time("attempt", () -> kube.attempt(attempt, freshness));
  }

  @Override
  public Optional<String> lastWarning(ObservedPod pod) {
    return calls.time("lastWarning", () -> kube.lastWarning(pod));
  }

  @Override
  public List<ObservedPod> podsWithToken(String namespace, String token) {
    return calls.time("podsWithToken", () -> kube.podsWithToken(namespace, token));
  }

  @Override
  public JobCreation createJob(Run run, Attempt attempt, RunObject owner) {
    return calls.time("createJob", () -> kube.createJob(run, attempt, owner));
  }

  @Override
  public DryRunResult dryRun(RunKey run, String request) {
    return calls.time("dryRun", () -> kube.dryRun(run, request));
  }

  @Override
  public boolean openGate(ObservedPod pod) {
    boolean opened = calls.time("openGate", () -> kube.openGate(pod));
    if (opened) {
      runs.gateOpened(pod);
    }
    return opened;
  }

  @Override
  public void deletePod(String namespace, String name, String uid) {
    calls.time("deletePod", () -> kube.deletePod(namespace, name, uid));
  }

  @Override
  public void deleteJob(ObservedJob job) {
    calls.time("deleteJob", () -> kube.deleteJob(job));
  }

  @Override
  public List<ObservedJob> cachedJobs() {
    return calls.time("cachedJobs", kube::cachedJobs);
  }

  @Override
  public List<ObservedPod> activePods() {
    return calls.time("activePods", kube::activePods);
  }
}
