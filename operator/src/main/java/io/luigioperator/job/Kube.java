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
import io.luigioperator.run.ScheduleKey;
import io.luigioperator.run.ScheduleObject;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * What the operator needs from the API server of one cluster. Every call has a timeout. A call
 * throws {@link KubeUnavailable} if the server does not respond, or responds with 429 or 5xx;
 * nothing may be concluded from that. It throws {@link KubeRefused} if the response concerns only
 * this object, its namespace, or a webhook, policy or quota that applies to it: a 4xx, or a 5xx
 * that names one of them; and {@link KubeForbidden} for a 403. A request may reach the server late
 * or twice; each is safe to repeat. All methods may be called by several threads at once.
 */
public interface Kube {

  /** Where an answer may come from. Nothing is concluded from an object missing in the cache. */
  enum Freshness {
    CACHED,
    LIVE
  }

  // ---- the cluster

  /** UID of the kube-system namespace, which differs after a cluster was rebuilt. Live. */
  String identity();

  /** Live. */
  NamespaceState namespace(String name);

  /**
   * The time at which a person confirmed, by an annotation of the namespace, that PipelineRuns
   * missing there were deleted on purpose. Live.
   */
  Optional<Instant> deletionsConfirmed(String namespace);

  /** Whether the PipelineRun CRD is served and not being deleted. Live. */
  boolean crdEstablished();

  /** Live. */
  ObservedNode node(String name);

  /**
   * The namespaces for which the cluster is full, each with the pod that shows it: for more than 30
   * seconds and less than 5 minutes the scheduler has found no node with enough free resources for
   * it. Pods that wait for something else, such as a claim or a label of a node, do not count. A
   * pod says nothing about other namespaces: who may create pods in one namespace must not be able
   * to stop the runs of the others. From the cache.
   */
  Map<String, ObservedPod> podsWithoutNode(Instant now);

  enum NamespaceState {
    ACTIVE,
    TERMINATING,
    ABSENT
  }

  // ---- PipelineRuns and PipelineSchedules

  Optional<RunObject> run(RunKey key, Freshness freshness);

  Optional<ScheduleObject> schedule(String namespace, String name);

  /**
   * When the namespace, or the definition of PipelineRuns, was created, whichever is later. Live.
   * The epoch if one of them does not exist.
   */
  Instant servedSince(String namespace);

  /** Whether a PipelineSchedule exists. Live. */
  boolean scheduleExists(ScheduleKey schedule);

  /**
   * When the namespace, or the definition of PipelineSchedules, was created, whichever is later.
   * Empty if one of them does not exist or is being deleted, or if the definition is not served.
   * Live.
   */
  Optional<Instant> schedulesServedSince(String namespace);

  /**
   * The PipelineRuns that the operator created and that refer to a schedule, for one client. From
   * the cache.
   */
  List<RunObject> createdRuns(ScheduleKey schedule, String client);

  /** The UIDs in {@link Annotations#RETIRED_CLUSTERS} of this namespace. Live. */
  Set<String> retiredClusters(String namespace);

  /** {@link Annotations#RETIRED_NAMESPACES} of this namespace: from which time on each. Live. */
  Map<String, Instant> retiredNamespaces(String namespace);

  /** Creates the object of a run that was accepted without it, or returns the existing one. */
  RunCreation createRun(RunKey key, PipelineRunSpec spec);

  /** Deletes by UID. No error if it does not exist any more. */
  void deleteRun(RunKey key, String uid);

  /**
   * Replaces the whole status of exactly this version of the object. No error if the object does
   * not exist any more.
   *
   * @return false if the object has changed since, so that its status must be computed again
   */
  boolean writeStatus(RunObject object, PipelineRunStatus status);

  /** Writes a warning Event about the object, best effort. */
  void warn(RunObject object, String reason, String message);

  /** The same about a schedule. */
  void warn(ScheduleObject schedule, String reason, String message);

  sealed interface RunCreation {
    /** The object exists: created now, or before. */
    record Present(RunObject object) implements RunCreation {}

    /** The server refuses it permanently; its message. */
    record Refused(String message) implements RunCreation {}

    /** The server refuses it at the moment, for example because of a quota; its message. */
    record NotNow(String message) implements RunCreation {}
  }

  // ---- Jobs and pods

  ObservedAttempt attempt(Attempt attempt, Freshness freshness);

  /**
   * The newest Warning Event about a pod that has not started, with its reason, for example that a
   * volume cannot be mounted. Empty if there is none, or if Events cannot be read. Live.
   */
  Optional<String> lastWarning(ObservedPod pod);

  /**
   * The pods with this token, whatever labels and owner they have. Live; reads all pods of the
   * namespace.
   */
  List<ObservedPod> podsWithToken(String namespace, String token);

  /** Creates the Job of a claimed attempt, owned by the object; its pod has the gate. */
  JobCreation createJob(Run run, Attempt attempt, RunObject owner);

  sealed interface JobCreation {
    record Created(ObservedJob job) implements JobCreation {}

    /** A Job of this name exists already; it is the attempt's if its token is. */
    record Exists(ObservedJob job) implements JobCreation {}

    /** The server answered 400, 403, 404 or 422; its message. */
    record Refused(String message) implements JobCreation {}
  }

  /**
   * Checks by a server-side dry run whether the API server accepts the pod of this run.
   *
   * @param request {@link Run.Definition#request()}
   */
  DryRunResult dryRun(RunKey run, String request);

  sealed interface DryRunResult {
    record Allowed() implements DryRunResult {}

    /**
     * @param message of the server
     * @param permanent true if the template itself is invalid, or Pod Security forbids it; false
     *     for a cause outside of it, such as a quota or a missing service account
     */
    record Refused(String message, boolean permanent) implements DryRunResult {}
  }

  /**
   * Removes the operator's gate from the pod with this UID.
   *
   * @return false if the pod does not exist any more, or its gate is open already
   */
  boolean openGate(ObservedPod pod);

  /** Deletes by UID, gracefully. No error if it does not exist any more. */
  void deletePod(String namespace, String name, String uid);

  /** Deletes by UID with background propagation. No error if it does not exist any more. */
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
