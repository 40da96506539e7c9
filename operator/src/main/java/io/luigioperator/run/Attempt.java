/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import java.time.Instant;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * One attempt as the ledger holds it; every instant is database time.
 *
 * @param token identifies the claim's commit, and the Job made for it
 * @param node where the bound pod was placed, once seen
 * @param stopReason why the operator is stopping its pod, decided before the pod was touched
 * @param missingSince since when its pod has been missing or silent without clean evidence
 */
public record Attempt(
    AttemptRef ref,
    AdmitKey admitKey,
    String clusterId,
    String token,
    String jobName,
    Instant claimedAt,
    Optional<Binding> binding,
    Optional<String> node,
    Optional<StopReason> stopReason,
    Optional<Instant> missingSince,
    Optional<End> end) {

  /** The one pod whose gate may be opened, and the Job that made it. */
  public record Binding(String jobUid, String podUid, Instant boundAt) {}

  /** A stop of ours, so that what the pod says while it dies is not taken for the cause. */
  public record StopReason(FailureCause cause, String message) {}

  /**
   * @param reason a verdict, a failure cause, or why it was abandoned
   * @param exitCode of the Luigi container, when it had one
   * @param report the runner's last termination message, empty when there was none
   */
  public record End(
      Instant endedAt, String reason, String message, OptionalInt exitCode, String report) {}

  public RunKey run() {
    return ref.run();
  }

  public int number() {
    return ref.number();
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

  /** Job and pod names derive from it, so that people recognise their pods. */
  public static String jobName(RunKey run, int number) {
    return run.name() + "-a" + number;
  }

  Attempt bound(Binding b) {
    return new Attempt(
        ref,
        admitKey,
        clusterId,
        token,
        jobName,
        claimedAt,
        Optional.of(b),
        node,
        stopReason,
        missingSince,
        end);
  }

  Attempt located(String where) {
    return new Attempt(
        ref,
        admitKey,
        clusterId,
        token,
        jobName,
        claimedAt,
        binding,
        Optional.of(where),
        stopReason,
        missingSince,
        end);
  }

  Attempt stopping(StopReason reason) {
    return new Attempt(
        ref,
        admitKey,
        clusterId,
        token,
        jobName,
        claimedAt,
        binding,
        node,
        Optional.of(reason),
        missingSince,
        end);
  }

  Attempt unclean(Optional<Instant> since) {
    return new Attempt(
        ref, admitKey, clusterId, token, jobName, claimedAt, binding, node, stopReason, since, end);
  }

  Attempt ended(End e) {
    return new Attempt(
        ref,
        admitKey,
        clusterId,
        token,
        jobName,
        claimedAt,
        binding,
        node,
        stopReason,
        missingSince,
        Optional.of(e));
  }
}
