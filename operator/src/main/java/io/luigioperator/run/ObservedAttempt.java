/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * What Kubernetes shows of one attempt: its Job by name, and every pod that carries its token.
 *
 * @param live it was read from the API server just now; only then does an absence say anything
 */
public record ObservedAttempt(Optional<ObservedJob> job, List<ObservedPod> pods, boolean live) {

  public ObservedAttempt {
    pods = List.copyOf(pods);
  }

  public Optional<ObservedPod> pod(String uid) {
    return pods.stream().filter(p -> p.uid().equals(uid)).findFirst();
  }

  /**
   * @param token the claim it was made for; another token is a stranger's Job of the same name
   * @param ended it is Complete or Failed and will make no pod any more
   */
  public record ObservedJob(
      String namespace, String name, String uid, String token, Instant createdAt, boolean ended) {}

  /**
   * One pod, from a read or from a watch event of its UID.
   *
   * @param jobUid of its controlling Job, empty when it has none
   * @param gated it carries our scheduling gate
   * @param terminating it carries a deletionTimestamp
   * @param gone a watch told of its deletion; the rest is what it looked like last
   * @param node where it is placed
   * @param startedAt when a container of it first started
   * @param ending present once it is terminal with an exit status for every container, or terminal
   *     without ever having had a node
   * @param terminal its phase is Succeeded or Failed, with or without exit statuses
   * @param startFailure why it does not start, while it does not, or why it ended without having
   *     started
   */
  public record ObservedPod(
      String namespace,
      String name,
      String uid,
      String token,
      String jobUid,
      boolean gated,
      boolean terminating,
      boolean gone,
      Optional<String> node,
      Optional<Instant> startedAt,
      boolean terminal,
      Optional<Ending> ending,
      Optional<StartFailure> startFailure) {

    /** As it is remembered when it is there no more. */
    public ObservedPod asGone() {
      return with(true, true, startFailure);
    }

    public ObservedPod with(Optional<StartFailure> otherTrouble) {
      return with(terminating, gone, otherTrouble);
    }

    private ObservedPod with(
        boolean isTerminating, boolean isGone, Optional<StartFailure> itsTrouble) {
      return new ObservedPod(
          namespace,
          name,
          uid,
          token,
          jobUid,
          gated,
          isTerminating,
          isGone,
          node,
          startedAt,
          terminal,
          ending,
          itsTrouble);
    }
  }

  /** Why a pod does not start, in the words of scheduler or kubelet. */
  public record StartFailure(FailureCause cause, String message, Instant since) {}
}
