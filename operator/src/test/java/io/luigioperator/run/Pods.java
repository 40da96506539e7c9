/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import io.luigioperator.run.AttemptSeen.JobSeen;
import io.luigioperator.run.AttemptSeen.PodSeen;
import io.luigioperator.run.AttemptSeen.StartFailure;
import java.time.Instant;
import java.util.Optional;
import java.util.function.Consumer;

/** Pods as they look on their way, one change at a time. */
public final class Pods {
  private static final Instant T0 = Case.T0;

  private Pods() {}

  /** As the Job controller makes it. */
  public static PodSeen gated(JobSeen job, String uid) {
    return gated(job.namespace(), job.name() + "-" + uid, uid, job.token(), job.uid());
  }

  public static PodSeen gated(
      String namespace, String name, String uid, String token, String jobUid) {
    return new PodSeen(
        namespace,
        name,
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

  public static PodSeen opened(PodSeen p) {
    return changed(p, q -> q.gated = false);
  }

  public static PodSeen placed(PodSeen p, String node) {
    return changed(p, q -> q.node = Optional.of(node));
  }

  public static PodSeen started(PodSeen p, Instant when) {
    return changed(p.with(Optional.empty()), q -> q.startedAt = Optional.of(when));
  }

  public static PodSeen terminating(PodSeen p) {
    return changed(p, q -> q.terminating = true);
  }

  /** It says how it ended, whether or not its phase does. */
  public static PodSeen ended(PodSeen p, Ending ending) {
    return changed(p.with(Optional.empty()), q -> q.ending = Optional.of(ending));
  }

  /** Its phase says that it has ended, whether or not it says how. */
  public static PodSeen terminal(PodSeen p) {
    return changed(p, q -> q.terminal = true);
  }

  // ---- those of the one attempt of a Case

  static PodSeen gated(String uid) {
    return gated("flights", "pod-of-job-1", uid, "token-1", "job-1");
  }

  static PodSeen opened(String uid) {
    return opened(gated(uid));
  }

  static PodSeen running(String uid, String node) {
    return started(placed(opened(uid), node), T0);
  }

  static PodSeen startFailing(PodSeen p, FailureCause cause) {
    return p.with(Optional.of(new StartFailure(cause, "words of the kubelet", T0)));
  }

  // ---- a copy

  /** What may change of a pod. */
  private static final class Changing {
    boolean gated;
    boolean terminating;
    Optional<String> node;
    Optional<Instant> startedAt;
    boolean terminal;
    Optional<Ending> ending;

    Changing(PodSeen p) {
      gated = p.gated();
      terminating = p.terminating();
      node = p.node();
      startedAt = p.startedAt();
      terminal = p.terminal();
      ending = p.ending();
    }
  }

  private static PodSeen changed(PodSeen p, Consumer<Changing> change) {
    Changing now = new Changing(p);
    change.accept(now);
    return new PodSeen(
        p.namespace(),
        p.name(),
        p.uid(),
        p.token(),
        p.jobUid(),
        now.gated,
        now.terminating,
        p.gone(),
        now.node,
        now.startedAt,
        now.terminal,
        now.ending,
        p.startFailure());
  }
}
