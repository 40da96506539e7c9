/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import io.luigioperator.run.ObservedAttempt.ObservedJob;
import io.luigioperator.run.ObservedAttempt.ObservedPod;
import java.time.Duration;
import java.util.Optional;

/** Why a Job has no pod that its attempt could be bound to, for people. */
final class MissingPod {

  private MissingPod() {}

  /** Something that does not pass by itself; empty if none is known. */
  static Optional<String> defect(ObservedJob job, ObservedAttempt observed) {
    if (hasStrippedPods(job, observed)) {
      return Optional.of(
          ("the Job controller creates one pod after another for Job %s, because something removes"
                  + " the label batch.kubernetes.io/controller-uid and other labels of its pods; look"
                  + " for a webhook or a policy that does")
              .formatted(job.name()));
    }
    if (job.suspended()) {
      return Optional.of(
          ("Job %s is suspended, so it creates no pod; the operator does not set spec.suspend,"
                  + " look for a webhook or a controller that does")
              .formatted(job.name()));
    }
    return observed.pods().stream()
        .filter(p -> p.jobUid().equals(job.uid()))
        .flatMap(p -> defect(job, p).stream())
        .findFirst();
  }

  private static Optional<String> defect(ObservedJob job, ObservedPod pod) {
    if (!pod.token().equals(job.token())) {
      return Optional.of(
          ("pod %s of Job %s does not carry the annotation luigi-operator.io/token; look for a"
                  + " webhook or a policy that removes it")
              .formatted(pod.name(), job.name()));
    }
    return pod.defect()
        .map(
            defect ->
                "pod %s of Job %s %s; look for a webhook or a policy that changes pods or Jobs"
                    .formatted(pod.name(), job.name(), defect));
  }

  /**
   * Whether the Job has a pod that no label shows. The Job controller does not recognise such a pod
   * as its own and creates the next one.
   */
  static boolean hasStrippedPods(ObservedJob job, ObservedAttempt observed) {
    return observed.live() && observed.pods().isEmpty() && job.active() > 0;
  }

  static String noPod(ObservedJob job, Duration waited) {
    return ("the Job controller has created no pod for Job %s within %d s, although the API server"
            + " would accept it")
        .formatted(job.name(), waited.toSeconds());
  }

  /** For a pod that only live reads show. */
  static String withoutLabels(ObservedPod pod) {
    return ("pod %s does not carry the label app.kubernetes.io/managed-by=luigi-operator or"
            + " luigi-operator.io/run, so it is only observed every 30 s; look for a webhook or a"
            + " policy that changes it")
        .formatted(pod.name());
  }
}
