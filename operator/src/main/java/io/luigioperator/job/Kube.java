/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

import io.luigioperator.api.PipelineRunSpec;
import io.luigioperator.api.PipelineRunStatus;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.ObservedAttempt;
import io.luigioperator.run.ObservedAttempt.ObservedJob;
import io.luigioperator.run.ObservedAttempt.ObservedPod;
import io.luigioperator.run.ObservedNode;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunObject;
import io.luigioperator.run.ScheduleObject;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * The narrow door to one cluster's API server. Every call has a timeout and throws {@link
 * KubeUnavailable} when the server does not answer or answers 429 or 5xx: nothing may be concluded
 * then. {@link KubeForbidden} is about the object asked for and no other. Requests may reach the
 * server late or twice all the same; each is safe to repeat.
 */
public interface Kube {

  /** Where an answer may come from. A cache says nothing about absence. */
  enum Freshness {
    CACHED,
    LIVE
  }

  // ---- the cluster

  /** UID of the kube-system namespace: tells a rebuilt cluster from the old one. Live. */
  String identity();

  /** Live. */
  NamespaceState namespace(String name);

  /**
   * When a person last said, by an annotation of the namespace, that PipelineRuns missing there
   * were deleted on purpose. Live.
   */
  Optional<Instant> deletionsConfirmed(String namespace);

  /** Whether the PipelineRun CRD is served and not being deleted. Live. */
  boolean crdEstablished();

  /** Live. */
  ObservedNode node(String name);

  /**
   * Whether a pod of ours has been unschedulable for more than 30 s and less than 5 min: then the
   * cluster counts as full. From the cache.
   */
  boolean crowded(Instant now);

  enum NamespaceState {
    ACTIVE,
    TERMINATING,
    ABSENT
  }

  // ---- PipelineRuns and PipelineSchedules

  Optional<RunObject> run(RunKey key, Freshness freshness);

  Optional<ScheduleObject> schedule(String namespace, String name);

  /** Creates the object of a run that another cluster accepted; an existing one is returned. */
  RunCreation createRun(RunKey key, PipelineRunSpec spec);

  /** Deletes by UID; gone already is fine. */
  void deleteRun(RunKey key, String uid);

  /**
   * Replaces the status as a whole, of this state of the object; gone already is fine. False: it
   * has changed since, and what it should say must be decided anew.
   */
  boolean writeStatus(RunObject object, PipelineRunStatus status);

  /** Records an Event on the object; best effort. */
  void warn(RunObject object, String reason, String message);

  sealed interface RunCreation {
    /** It is there: made now, or before by whomever. */
    record Present(RunObject object) implements RunCreation {}

    /** Refused for good, in the server's words. */
    record Refused(String message) implements RunCreation {}

    /** Refused as things stand (a quota, a namespace that goes): it may pass later. */
    record NotNow(String message) implements RunCreation {}
  }

  // ---- Jobs and pods

  ObservedAttempt attempt(Attempt attempt, Freshness freshness);

  /** Creates the Job of a claimed attempt, its pod gated, owned by the object. */
  JobCreation createJob(Run run, Attempt attempt, RunObject owner);

  sealed interface JobCreation {
    record Created(ObservedJob job) implements JobCreation {}

    /** A Job of that name is there already: ours if its token is the attempt's. */
    record Exists(ObservedJob job) implements JobCreation {}

    /** 403, 422 or 400, in the server's words. */
    record Refused(String message) implements JobCreation {}
  }

  /**
   * What the API server would say to the pod of this run: a server-side dry run. The request is
   * {@link Run.Origin#request()}.
   */
  DryRunResult dryRun(RunKey run, String request);

  sealed interface DryRunResult {
    record Allowed() implements DryRunResult {}

    /**
     * @param permanent the template itself is wrong, or Pod Security forbids it; otherwise quota, a
     *     missing service account: it may pass later
     */
    record Refused(String message, boolean permanent) implements DryRunResult {}
  }

  /**
   * Removes our gate from the pod with this UID, and from no other; false: gone or open already.
   */
  boolean openGate(ObservedPod pod);

  /** Deletes by UID, gracefully; gone already is fine. */
  void deletePod(String namespace, String name, String uid);

  /** Deletes by UID with background propagation; gone already is fine. */
  void deleteJob(ObservedJob job);

  /**
   * The Jobs of the operator, from the cache. A Job may be missing from it, or be deleted already.
   */
  List<ObservedJob> cachedJobs();

  /**
   * The pods of the operator whose phase is neither Succeeded nor Failed. Live, in pages; never a
   * part of the list. A watched namespace that the operator may not read is left out, so a pod that
   * is missing here may still exist.
   */
  List<ObservedPod> activePods();
}
