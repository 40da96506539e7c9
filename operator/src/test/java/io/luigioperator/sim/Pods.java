/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.sim;

import io.luigioperator.run.AttemptSeen.JobSeen;
import io.luigioperator.run.AttemptSeen.PodSeen;
import io.luigioperator.run.AttemptSeen.Trouble;
import io.luigioperator.run.Ending;
import java.time.Instant;
import java.util.Optional;

/** What can become of a pod, one change at a time. */
final class Pods {

  private Pods() {}

  static PodSeen born(JobSeen job, String uid) {
    return new PodSeen(
        job.namespace(),
        job.name() + "-" + uid,
        uid,
        job.token(),
        job.uid(),
        true,
        false,
        false,
        Optional.empty(),
        Optional.empty(),
        false,
        Optional.empty(),
        Optional.empty());
  }

  static PodSeen opened(PodSeen p) {
    return copy(p, false, p.terminating(), p.node(), p.startedAt(), p.trouble());
  }

  static PodSeen placed(PodSeen p, String node) {
    return copy(p, p.gated(), p.terminating(), Optional.of(node), p.startedAt(), p.trouble());
  }

  static PodSeen started(PodSeen p, Instant when) {
    return copy(p, p.gated(), p.terminating(), p.node(), Optional.of(when), Optional.empty());
  }

  static PodSeen terminating(PodSeen p) {
    return copy(p, p.gated(), true, p.node(), p.startedAt(), p.trouble());
  }

  /** It says how it ended, whether or not its phase does. */
  static PodSeen ended(PodSeen p, Ending ending, boolean terminal) {
    return new PodSeen(
        p.namespace(),
        p.name(),
        p.uid(),
        p.token(),
        p.jobUid(),
        p.gated(),
        p.terminating(),
        p.gone(),
        p.node(),
        p.startedAt(),
        terminal,
        Optional.of(ending),
        Optional.empty());
  }

  private static PodSeen copy(
      PodSeen p,
      boolean gated,
      boolean terminating,
      Optional<String> node,
      Optional<Instant> startedAt,
      Optional<Trouble> trouble) {
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
        p.terminal(),
        p.ending(),
        trouble);
  }
}
