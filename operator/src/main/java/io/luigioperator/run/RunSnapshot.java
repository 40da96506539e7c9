/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import io.luigioperator.api.PipelineSpec;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * The state that a decision about a run depends on, read just before.
 *
 * @param object the PipelineRun of this cluster
 * @param schedule the PipelineSchedule it refers to
 * @param podCheck whether the API server accepts the pod of this request
 * @param row the rows of the run; empty if the ledger has none
 * @param observed the observed Job and pods of the live attempt, if this cluster has claimed it
 * @param node of that attempt, read only if its pod is missing or does not end
 * @param hints what only the status and messages show
 */
public record RunSnapshot(
    RunKey key,
    String cluster,
    Optional<RunObject> object,
    Optional<ScheduleObject> schedule,
    PodCheck podCheck,
    Optional<Row> row,
    Optional<ObservedAttempt> observed,
    Optional<ObservedNode> node,
    Hints hints) {

  /**
   * Why something does not happen. No step of the protocol depends on it.
   *
   * @param refusal the last request for this run, if the API server did not carry it out
   * @param podWarning what the kubelet reports about a pod that does not start
   * @param withoutNode the pod for which the cluster counts as full for its namespace
   * @param limit of the schedule, if the run waits for it
   */
  public record Hints(
      Optional<Refusal> refusal,
      Optional<String> podWarning,
      Optional<ObservedAttempt.ObservedPod> withoutNode,
      Optional<LimitUse> limit) {

    public static final Hints NONE =
        new Hints(Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty());
  }

  /**
   * The use of the limit of a schedule at one time.
   *
   * @param maxRuns its maxConcurrentRuns
   * @param runs that count against it
   */
  public record LimitUse(int maxRuns, long runs) {}

  /**
   * A request that the API server does not carry out.
   *
   * @param since when it was refused for the first time in a row
   * @param answered false if the server did not respond, or failed without naming a cause; the
   *     cause may then be anything
   */
  public record Refusal(Instant since, String message, boolean answered) {}

  /** The same after a request was refused. */
  public RunSnapshot with(Refusal refusal) {
    return new RunSnapshot(
        key,
        cluster,
        object,
        schedule,
        podCheck,
        row,
        observed,
        node,
        new Hints(Optional.of(refusal), hints.podWarning(), hints.withoutNode(), hints.limit()));
  }

  /**
   * @param request what the run computes; empty once its history is purged
   * @param attempts newest first, at most 10
   * @param recorded the object on record for this cluster
   * @param holder the run that holds this run's key now
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

    /** The request of a run that has not ended, and whose history is therefore not purged. */
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

  /** Whether the API server accepts a pod of the request. */
  public sealed interface PodCheck {
    /** It has not been asked yet. */
    record Unasked() implements PodCheck {}

    record Passed() implements PodCheck {}

    /** The pod template can never be accepted; the message says by whom and why. */
    record Refused(String message) implements PodCheck {}
  }

  /** The live attempt, if this cluster has claimed it. */
  public Optional<Attempt> mine() {
    return row.flatMap(Row::live).filter(a -> a.cluster().equals(cluster));
  }
}
