/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import io.luigioperator.api.PipelineSpec;
import java.util.List;
import java.util.Optional;

/**
 * All that a decision about one run rests on, gathered just before.
 *
 * @param object the PipelineRun of this cluster
 * @param schedule the one it refers to
 * @param podCheck what the API server said to the pod of this request
 * @param row what the ledger knows
 * @param seen what Kubernetes shows of the live attempt, if it is this cluster's
 * @param node that attempt's node, looked at only when its pod gives reason to
 */
public record RunSnapshot(
    RunKey key,
    String clusterId,
    Optional<RunObject> object,
    Optional<ScheduleObject> schedule,
    PodCheck podCheck,
    Optional<Row> row,
    Optional<ObservedAttempt> seen,
    Optional<ObservedNode> node) {

  /**
   * @param request what the run computes; empty once its history was purged
   * @param attempts newest first, at most 10
   * @param recorded the object this cluster has on record
   * @param holder who holds the run's key now
   */
  public record Row(
      Run run,
      Optional<Request> request,
      List<Attempt> attempts,
      Optional<ObjectRecord> recorded,
      Optional<RunKey> holder) {

    public Row {
      attempts = List.copyOf(attempts);
    }

    /** Of a run that has not ended; its history is there. */
    Request kept() {
      return request.orElseThrow();
    }

    PipelineSpec pipeline() {
      return kept().pipeline();
    }

    /** See {@link Run#isRequestedBy}. */
    boolean isRequestedBy(RunObject object) {
      return run.isRequestedBy(object, recorded);
    }

    /** Whether the object is the recorded one, and not a later one of the same name. */
    boolean isRecordOf(RunObject object) {
      return recorded.filter(r -> r.isOf(object)).isPresent();
    }

    public Optional<Attempt> live() {
      return attempts.stream().filter(Attempt::isLive).findFirst();
    }
  }

  /** What the API server would say to a pod of the request. */
  public sealed interface PodCheck {
    /** Not asked yet. */
    record Unasked() implements PodCheck {}

    record Passed() implements PodCheck {}

    /** The template can never become a pod, in the server's words. */
    record Refused(String message) implements PodCheck {}
  }

  /** The live attempt, if it is this cluster's to drive. */
  public Optional<Attempt> mine() {
    return row.flatMap(Row::live).filter(a -> a.clusterId().equals(clusterId));
  }
}
