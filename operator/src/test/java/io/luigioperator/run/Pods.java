/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import io.luigioperator.run.AttemptSeen.PodSeen;
import io.luigioperator.run.AttemptSeen.Trouble;
import java.time.Instant;
import java.util.Optional;

/** Pods of one attempt, as they look on their way. */
public final class Pods {
  private static final Instant T0 = Case.T0;

  private Pods() {}

  /** As the Job controller makes it. */
  public static PodSeen gated(String namespace, String uid, String token, String jobUid) {
    return new PodSeen(
        namespace,
        "pod-of-" + jobUid,
        uid,
        token,
        jobUid,
        true,
        false,
        false,
        Optional.empty(),
        Optional.empty(),
        false,
        Optional.empty(),
        Optional.empty());
  }

  static PodSeen gated(String uid) {
    return gated("flights", uid, "token-1", "job-1");
  }

  static PodSeen opened(String uid) {
    return opened(gated(uid));
  }

  static PodSeen running(String uid, String node) {
    return on(node, opened(uid));
  }

  public static PodSeen opened(PodSeen p) {
    return copy(p, false, p.terminating(), p.node(), p.startedAt(), p.terminal(), p.ending());
  }

  static PodSeen on(String node, PodSeen p) {
    return copy(
        p,
        p.gated(),
        p.terminating(),
        Optional.of(node),
        Optional.of(T0),
        p.terminal(),
        p.ending());
  }

  public static PodSeen terminating(PodSeen p) {
    return copy(p, p.gated(), true, p.node(), p.startedAt(), p.terminal(), p.ending());
  }

  public static PodSeen terminal(PodSeen p, Optional<Ending> ending) {
    return copy(p, false, p.terminating(), p.node(), p.startedAt(), true, ending);
  }

  static PodSeen troubled(PodSeen p, FailureCause cause) {
    return p.with(Optional.of(new Trouble(cause, "words of the kubelet", T0)));
  }

  private static PodSeen copy(
      PodSeen p,
      boolean gated,
      boolean terminating,
      Optional<String> node,
      Optional<Instant> startedAt,
      boolean terminal,
      Optional<Ending> ending) {
    return new PodSeen(
        p.namespace(),
        p.name(),
        p.uid(),
        p.token(),
        p.jobUid(),
        gated,
        terminating,
        p.gone(),
        node,
        startedAt,
        terminal,
        ending,
        p.trouble());
  }
}
