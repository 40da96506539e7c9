/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * What is observed of one attempt in Kubernetes: its Job by name, and every pod with its token.
 *
 * @param live read from the API server and not from a cache; only then an absence proves anything
 */
public record ObservedAttempt(Optional<ObservedJob> job, List<ObservedPod> pods, boolean live) {

  public ObservedAttempt {
    pods = List.copyOf(pods);
  }

  public Optional<ObservedPod> pod(String uid) {
    return pods.stream().filter(p -> p.uid().equals(uid)).findFirst();
  }

  /**
   * @param token of the claim it was created for; with another token it is not this attempt's Job
   * @param suspended its spec.suspend is true, so that it creates no pod
   * @param active the number of its pods that have not ended, as the Job controller reports it
   * @param ended it is Complete or Failed and creates no more pods
   */
  public record ObservedJob(
      String namespace,
      String name,
      String uid,
      String token,
      Instant createdAt,
      boolean suspended,
      int active,
      boolean ended) {}

  /**
   * One pod, from a read or from a watch event of its UID.
   *
   * @param token empty when something removed the annotation
   * @param jobUid of its controlling Job, empty when it has none
   * @param labelled it has the labels by which the watch selects pods
   * @param gated it has the operator's scheduling gate
   * @param openedAt when the operator removed that gate, by the clock of its host
   * @param terminating it has a deletionTimestamp
   * @param gone a watch event reported its deletion; the other fields are from its last state
   * @param node to which it is scheduled
   * @param startedAt when its first container started
   * @param waitsFor why a scheduled pod has not started, as the kubelet reports it in its status
   * @param leftover present while only containers beside that of the pipeline keep it running
   * @param ending present once it is terminal with an exit status for every container, or deleted
   *     without ever having had a node
   * @param terminal its phase is Succeeded or Failed, with or without exit statuses
   * @param startFailure why it does not start, or why it ended without having started
   * @param defect why its gate must not be opened: something changed it at its creation, so that
   *     one attempt would run the pipeline several times, or without a result
   */
  public record ObservedPod(
      String namespace,
      String name,
      String uid,
      String token,
      String jobUid,
      boolean labelled,
      boolean gated,
      Optional<Instant> openedAt,
      boolean terminating,
      boolean gone,
      Optional<String> node,
      Optional<Instant> startedAt,
      Optional<String> waitsFor,
      Optional<Leftover> leftover,
      boolean terminal,
      Optional<Ending> ending,
      Optional<StartFailure> startFailure,
      Optional<String> defect) {

    /** The pod after its deletion. */
    public ObservedPod asGone() {
      return with(true, true, startFailure);
    }

    public ObservedPod with(Optional<StartFailure> failure) {
      return with(terminating, gone, failure);
    }

    private ObservedPod with(
        boolean isTerminating, boolean isGone, Optional<StartFailure> failure) {
      return new ObservedPod(
          namespace,
          name,
          uid,
          token,
          jobUid,
          labelled,
          gated,
          openedAt,
          isTerminating,
          isGone,
          node,
          startedAt,
          waitsFor,
          leftover,
          terminal,
          ending,
          failure,
          defect);
    }
  }

  /**
   * The container of the pipeline has ended, and other containers have not. Sidecars that the
   * kubelet stops by itself (restartPolicy Always) are not among them.
   *
   * @param since when the container of the pipeline ended
   */
  public record Leftover(Instant since, List<String> containers) {
    public Leftover {
      containers = List.copyOf(containers);
    }
  }

  /**
   * Why a pod does not start, with the message of the scheduler or the kubelet.
   *
   * @param shortage the nodes do not have enough free resources, so that other pods of the
   *     namespace would wait, too
   */
  public record StartFailure(FailureCause cause, String message, Instant since, boolean shortage) {}
}
