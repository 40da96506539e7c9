/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import io.luigioperator.run.ObservedAttempt.Leftover;
import io.luigioperator.run.ObservedAttempt.ObservedJob;
import io.luigioperator.run.ObservedAttempt.ObservedPod;
import io.luigioperator.run.ObservedAttempt.StartFailure;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/** Pods in the states of their life, derived from each other by one change. */
public final class Pods {
  private static final Instant T0 = SnapshotBuilder.T0;

  private Pods() {}

  /** As the Job controller creates it. */
  public static ObservedPod gated(ObservedJob job, String uid) {
    return gated(job.namespace(), job.name() + "-" + uid, uid, job.token(), job.uid());
  }

  public static ObservedPod gated(
      String namespace, String name, String uid, String token, String jobUid) {
    return new ObservedPod(
        namespace,
        name,
        uid,
        token,
        jobUid,
        true,
        true,
        Optional.empty(),
        false,
        false,
        Optional.empty(),
        Optional.empty(),
        Optional.empty(),
        Optional.empty(),
        false,
        Optional.empty(),
        Optional.empty(),
        Optional.empty());
  }

  /** A webhook changed it so that it must not start. */
  public static ObservedPod defective(ObservedPod p, String defect) {
    return changed(p, q -> q.defect = Optional.of(defect));
  }

  public static ObservedPod opened(ObservedPod p) {
    return changed(p, q -> q.gated = false);
  }

  /** Opened by the operator at this time. */
  public static ObservedPod opened(ObservedPod p, Instant when) {
    return changed(
        p,
        q -> {
          q.gated = false;
          q.openedAt = Optional.of(when);
        });
  }

  /** Something else removed its labels, or set them again. */
  public static ObservedPod labelled(ObservedPod p, boolean labelled) {
    return changed(p, q -> q.labelled = labelled);
  }

  /** The container of the pipeline has ended, and one beside it has not. */
  public static ObservedPod leftOver(ObservedPod p, Instant since) {
    return changed(p, q -> q.leftover = Optional.of(new Leftover(since, List.of("proxy"))));
  }

  public static ObservedPod waitingFor(ObservedPod p, String what) {
    return changed(p, q -> q.waitsFor = Optional.of(what));
  }

  public static ObservedPod placed(ObservedPod p, String node) {
    return changed(p, q -> q.node = Optional.of(node));
  }

  public static ObservedPod started(ObservedPod p, Instant when) {
    return changed(p.with(Optional.empty()), q -> q.startedAt = Optional.of(when));
  }

  public static ObservedPod terminating(ObservedPod p) {
    return changed(p, q -> q.terminating = true);
  }

  /** With exit statuses, whatever its phase. */
  public static ObservedPod ended(ObservedPod p, Ending ending) {
    return changed(p.with(Optional.empty()), q -> q.ending = Optional.of(ending));
  }

  /** In a terminal phase, with or without exit statuses. */
  public static ObservedPod terminal(ObservedPod p) {
    return changed(
        p,
        q -> {
          q.terminal = true;
          q.leftover = Optional.empty();
        });
  }

  // ---- pods of the attempt of a SnapshotBuilder

  static ObservedPod gated(String uid) {
    return gated("flights", "pod-of-job-1", uid, "token-1", "job-1");
  }

  static ObservedPod opened(String uid) {
    return opened(gated(uid));
  }

  static ObservedPod running(String uid, String node) {
    return started(placed(opened(uid), node), T0);
  }

  static ObservedPod startFailing(ObservedPod p, FailureCause cause) {
    return p.with(Optional.of(new StartFailure(cause, "message of the kubelet", T0, false)));
  }

  // ---- a copy

  /** The fields of a pod that change. */
  private static final class Changing {
    boolean labelled;
    boolean gated;
    Optional<Instant> openedAt;
    boolean terminating;
    Optional<String> node;
    Optional<Instant> startedAt;
    Optional<String> waitsFor;
    Optional<Leftover> leftover;
    boolean terminal;
    Optional<Ending> ending;
    Optional<String> defect;

    Changing(ObservedPod p) {
      labelled = p.labelled();
      gated = p.gated();
      openedAt = p.openedAt();
      terminating = p.terminating();
      node = p.node();
      startedAt = p.startedAt();
      waitsFor = p.waitsFor();
      leftover = p.leftover();
      terminal = p.terminal();
      ending = p.ending();
      defect = p.defect();
    }
  }

  private static ObservedPod changed(ObservedPod p, Consumer<Changing> change) {
    Changing now = new Changing(p);
    change.accept(now);
    return new ObservedPod(
        p.namespace(),
        p.name(),
        p.uid(),
        p.token(),
        p.jobUid(),
        now.labelled,
        now.gated,
        now.openedAt,
        now.terminating,
        p.gone(),
        now.node,
        now.startedAt,
        now.waitsFor,
        now.leftover,
        now.terminal,
        now.ending,
        p.startFailure(),
        now.defect);
  }
}
