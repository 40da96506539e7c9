/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import java.time.Instant;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * One attempt as the ledger stores it, in the three parts in which it is written: the claim, then
 * the binding to one pod, then the end. A part that is present never changes, except for the facts
 * that {@link Binding} records about the pod. Every instant is database time.
 */
public record Attempt(Claim claim, Optional<Binding> binding, Optional<End> end) {

  /**
   * The fields that the claim sets.
   *
   * @param admitKey the key that this attempt holds until its end
   * @param cluster the cluster that claimed it and runs it
   * @param token unique for each claim; the Job and the pod of this claim carry it
   */
  public record Claim(
      AttemptRef ref,
      AttemptKind kind,
      AdmitKey admitKey,
      String cluster,
      String token,
      String jobName,
      Instant claimedAt) {}

  /**
   * The only pod whose scheduling gate may be removed, and what was recorded about it.
   *
   * @param jobUid of the Job that created the pod
   * @param node where the pod was placed, once observed
   * @param stopReason why the operator stops the pod, written before the pod is deleted
   * @param missingSince since when the pod has been absent, or terminal without exit statuses
   */
  public record Binding(
      String jobUid,
      String podUid,
      Instant boundAt,
      Optional<String> node,
      Optional<StopReason> stopReason,
      Optional<Instant> missingSince) {

    /** A new binding, with nothing recorded about the pod yet. */
    public static Binding of(String jobUid, String podUid, Instant boundAt) {
      return new Binding(
          jobUid, podUid, boundAt, Optional.empty(), Optional.empty(), Optional.empty());
    }

    Binding withNode(String name) {
      return new Binding(jobUid, podUid, boundAt, Optional.of(name), stopReason, missingSince);
    }

    Binding withStopReason(StopReason reason) {
      return new Binding(jobUid, podUid, boundAt, node, Optional.of(reason), missingSince);
    }

    Binding withMissingSince(Optional<Instant> since) {
      return new Binding(jobUid, podUid, boundAt, node, stopReason, since);
    }
  }

  /**
   * Why the operator stops a pod. It is recorded first, so that the exit status of a pod that is
   * being stopped is not taken for the cause.
   */
  public record StopReason(FailureCause cause, String message) {}

  /**
   * @param reason a verdict, a failure cause, or why it was abandoned
   * @param exitCode of the Luigi container, when it had one
   * @param terminationMessage the last one of the runner, unparsed; empty if there was none
   */
  public record End(
      Instant endedAt,
      String reason,
      String message,
      OptionalInt exitCode,
      String terminationMessage) {}

  public AttemptRef ref() {
    return claim.ref();
  }

  public RunKey run() {
    return claim.ref().run();
  }

  public int number() {
    return claim.ref().number();
  }

  public AttemptKind kind() {
    return claim.kind();
  }

  public AdmitKey admitKey() {
    return claim.admitKey();
  }

  public String cluster() {
    return claim.cluster();
  }

  public String token() {
    return claim.token();
  }

  public String jobName() {
    return claim.jobName();
  }

  public Instant claimedAt() {
    return claim.claimedAt();
  }

  public Optional<String> node() {
    return binding.flatMap(Binding::node);
  }

  public Optional<StopReason> stopReason() {
    return binding.flatMap(Binding::stopReason);
  }

  public Optional<Instant> missingSince() {
    return binding.flatMap(Binding::missingSince);
  }

  public AttemptState state() {
    if (end.isPresent()) {
      return AttemptState.ENDED;
    }
    return binding.isPresent() ? AttemptState.BOUND : AttemptState.CLAIMED;
  }

  public boolean isLive() {
    return end.isEmpty();
  }

  public boolean isBoundTo(String podUid) {
    return binding.filter(b -> b.podUid().equals(podUid)).isPresent();
  }

  /** Job and pod names derive from the name of the run, so that people recognise their pods. */
  public static String jobName(RunKey run, int number) {
    return run.name() + "-a" + number;
  }

  /** A claim without a pod. */
  public static Attempt claimed(Claim claim) {
    return new Attempt(claim, Optional.empty(), Optional.empty());
  }

  public Attempt with(Binding b) {
    return new Attempt(claim, Optional.of(b), end);
  }

  Attempt ended(End e) {
    return new Attempt(claim, binding, Optional.of(e));
  }
}
