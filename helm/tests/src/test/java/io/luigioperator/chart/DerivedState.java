/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.chart;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.client.utils.KubernetesSerialization;
import io.luigioperator.api.DesiredState;
import io.luigioperator.api.PipelineRunSpec;
import io.luigioperator.api.PipelineRunStatus;
import io.luigioperator.api.PipelineScheduleSpec;
import io.luigioperator.api.Priority;
import io.luigioperator.job.JobBlueprint;
import io.luigioperator.job.PodTemplateInvalid;
import io.luigioperator.run.Ageing;
import io.luigioperator.run.AmendTransition;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.AttemptKind;
import io.luigioperator.run.AttemptRef;
import io.luigioperator.run.AttemptTransitions;
import io.luigioperator.run.Decision;
import io.luigioperator.run.EndCause;
import io.luigioperator.run.EndTransitions;
import io.luigioperator.run.Ending;
import io.luigioperator.run.Limits;
import io.luigioperator.run.NewRun;
import io.luigioperator.run.ObjectRecord;
import io.luigioperator.run.ObservedAttempt;
import io.luigioperator.run.ObservedAttempt.ObservedPod;
import io.luigioperator.run.ObservedNode;
import io.luigioperator.run.ParsedSpec;
import io.luigioperator.run.Presence;
import io.luigioperator.run.Reasons;
import io.luigioperator.run.Request;
import io.luigioperator.run.RequestJson;
import io.luigioperator.run.Resolver;
import io.luigioperator.run.Resolver.Resolution;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunAndAttempt;
import io.luigioperator.run.RunDecider;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunObject;
import io.luigioperator.run.RunSnapshot;
import io.luigioperator.run.RunSnapshot.PodCheck;
import io.luigioperator.run.RunSnapshot.Row;
import io.luigioperator.run.RunState;
import io.luigioperator.run.ScheduleKey;
import io.luigioperator.run.ScheduleObject;
import io.luigioperator.run.StatusView;
import io.luigioperator.run.Verdict;
import io.luigioperator.run.WaitingTransitions;
import java.io.UncheckedIOException;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * What the operator derives from a PipelineRun: rows, Jobs, decisions and statuses. Leaves out the
 * stored request, which would change with every field.
 */
final class DerivedState {
  static final Instant T0 = Instant.parse("2026-01-31T12:00:00Z");

  /** Late enough for every status to be written. */
  private static final Instant NOW = T0.plusSeconds(5);

  private static final String REPORT =
      """
      {"n": {"total": 40, "complete": 12, "ran": 8, "failed": 1, "pending": 19}, "failed": ["A"]}""";

  private static final KubernetesSerialization KUBERNETES = new KubernetesSerialization();
  private static final JobBlueprint BLUEPRINT = new JobBlueprint("test");
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final RunKey KEY = new RunKey("flights", "a-run");
  private static final String RUNNER_SPEC = "luigi-operator.io/run-spec";
  private static final String CLUSTER = "here";
  private static final String POD = "pod-1";
  private static final String NODE = "node-1";

  private final RunObject object;
  private final Optional<ScheduleObject> schedule;

  /**
   * An object that the operator created, because only for these the TTL of the pipeline applies.
   */
  private DerivedState(PipelineRunSpec spec, Optional<ScheduleObject> schedule) {
    this.object = new RunObject(KEY, "uid-1", 1, T0, false, true, spec, Optional.empty());
    this.schedule = schedule;
  }

  static DerivedState of(JsonNode run, Optional<ScheduleObject> schedule) {
    return new DerivedState(
        KUBERNETES.convertValue(run.get("spec"), PipelineRunSpec.class), schedule);
  }

  static ScheduleObject schedule(JsonNode schedule) {
    return new ScheduleObject(
        new ScheduleKey(KEY.namespace(), schedule.at("/metadata/name").asText()),
        "uid-2",
        T0,
        2,
        new ParsedSpec.Valid<>(
            KUBERNETES.convertValue(schedule.get("spec"), PipelineScheduleSpec.class)),
        Optional.empty());
  }

  static JsonNode json(Object value) {
    return parsed(KUBERNETES.asJson(value));
  }

  private static JsonNode parsed(String json) {
    try {
      return JSON.readTree(json);
    } catch (JsonProcessingException e) {
      throw new UncheckedIOException(e);
    }
  }

  // ---- derived from the spec

  void describe(String name, FlatValues lines) {
    switch (Resolver.resolve(object, schedule)) {
      case Resolution.Refused r -> lines.with(name + ".refused", r.reason());
      case Resolution.Resolved r -> {
        describeRow(name, r.run(), lines);
        describeJob(name + ".job", lines);
        describeDecisions(name, lines);
      }
    }
  }

  private void describeRow(String name, NewRun made, FlatValues lines) {
    lines
        .with(name + ".accepted", WaitingTransitions.accept(made, Ageing.DEFAULT, T0))
        .without(name + ".accepted.definition.request")
        .without(name + ".accepted.definition.requestSha")
        .with(name + ".amended", amended(made))
        .without(name + ".amended.definition");
  }

  /** Accepted with other mutable fields, then amended to those of the object. */
  private Run amended(NewRun made) {
    NewRun other =
        new NewRun(
            made.key(),
            made.client(),
            made.businessDate(),
            made.schedule(),
            made.mutexKey(),
            made.firstKind(),
            DesiredState.Running,
            Priority.Normal,
            Optional.empty(),
            OptionalLong.empty(),
            1,
            made.maxInfra(),
            made.request(),
            made.requestSha(),
            made.hashVersion());
    Run run = WaitingTransitions.accept(other, Ageing.DEFAULT, T0);
    return AmendTransition.amend(run, Resolver.desired(object, request(run)), Ageing.DEFAULT, T0)
        .orElse(run);
  }

  /** The Job of the first attempt. */
  JsonNode job() {
    Run run = accepted();
    return json(BLUEPRINT.job(run, request(run), claimed(run), object));
  }

  private void describeJob(String name, FlatValues lines) {
    Run run = accepted();
    try {
      Job job = BLUEPRINT.job(run, request(run), claimed(run), object);
      var annotations = job.getSpec().getTemplate().getMetadata().getAnnotations();
      lines.with(name + ".runner", parsed(annotations.remove(RUNNER_SPEC))).with(name, json(job));
    } catch (PodTemplateInvalid e) {
      lines.with(name + ".refused", e.getMessage());
    }
  }

  private void describeDecisions(String name, FlatValues lines) {
    RunAndAttempt bound = bound(0);
    Attempt lost =
        AttemptTransitions.markPodMissing(
                AttemptTransitions.recordNode(bound.attempt(), POD, NODE).orElseThrow(), POD, T0)
            .orElseThrow();
    lines
        .with(name + ".notStarted", decided(bound, List.of(pod(Optional.empty()))).requeueAt())
        .with(
            name + ".podGone", decided(new RunAndAttempt(bound.run(), lost), List.of()).requeueAt())
        .with(name + ".failedOnce", ended(bound, Verdict.TASK_FAILED).run().times().notBefore())
        .with(
            name + ".drainedOften",
            ended(bound(EndTransitions.MAX_UNCOUNTED - 1), Verdict.DRAINED)
                .run()
                .times()
                .notBefore())
        .with(name + ".succeeded", decided(ended(bound, Verdict.SUCCEEDED), List.of()).requeueAt());
  }

  // ---- states of a run

  private Run accepted() {
    return switch (Resolver.resolve(object, schedule)) {
      case Resolution.Resolved r -> WaitingTransitions.accept(r.run(), Ageing.DEFAULT, T0);
      case Resolution.Refused r -> throw new IllegalStateException(r.message());
    };
  }

  /** The request as it is read from the ledger. */
  private static Request request(Run run) {
    return RequestJson.read(run.definition().request());
  }

  private static Attempt claimed(Run run) {
    return new Attempt(
        new Attempt.Claim(
            new AttemptRef(KEY, 1, 7),
            AttemptKind.RUN,
            run.admitKey(),
            CLUSTER,
            "token-1",
            Attempt.jobName(KEY, 1),
            T0),
        Optional.empty(),
        Optional.empty());
  }

  /** With a bound first attempt and enough remaining attempts. */
  private RunAndAttempt bound(int uncounted) {
    Run run = accepted();
    Run active =
        new Run(
            run.definition(),
            new Run.StateDetails(RunState.ACTIVE, "", "", false),
            run.nextKind(),
            DesiredState.Running,
            run.priority(),
            new Run.Budget(1, 1, 0, uncounted, 9, 9),
            run.times());
    return AttemptTransitions.bind(active, claimed(active), "job-1", POD, T0).orElseThrow();
  }

  private static RunAndAttempt ended(RunAndAttempt bound, EndCause cause) {
    return EndTransitions.finish(
            bound.run(),
            bound.attempt(),
            POD,
            new Ending(cause, OptionalInt.of(30), "message", REPORT),
            request(bound.run()).retryPolicy(),
            0,
            Presence.PRESENT,
            T0)
        .orElseThrow();
  }

  private static ObservedPod pod(Optional<Instant> startedAt) {
    return new ObservedPod(
        KEY.namespace(),
        "a-run-a1-x",
        POD,
        "token-1",
        "job-1",
        true,
        false,
        Optional.empty(),
        false,
        false,
        Optional.empty(),
        startedAt,
        Optional.empty(),
        Optional.empty(),
        false,
        Optional.empty(),
        Optional.empty(),
        Optional.empty());
  }

  private Decision decided(RunAndAttempt moved, List<ObservedPod> pods) {
    return decided(Optional.of(row(moved.run(), List.of(moved.attempt()))), pods);
  }

  private Row row(Run run, List<Attempt> attempts) {
    return new Row(
        run,
        Optional.of(request(run)),
        attempts,
        Optional.of(ObjectRecord.applied("here", object)),
        Optional.empty());
  }

  private Decision decided(Optional<Row> row, List<ObservedPod> pods) {
    return new RunDecider(Limits.DEFAULT)
        .decide(
            new RunSnapshot(
                KEY,
                CLUSTER,
                Optional.of(object),
                schedule,
                new PodCheck.Passed(),
                row,
                Optional.of(new ObservedAttempt(Optional.empty(), pods, true)),
                Optional.of(new ObservedNode(ObservedNode.Health.READY, Instant.EPOCH)),
                RunSnapshot.Hints.NONE),
            NOW);
  }

  // ---- statuses

  /** The statuses of a run by situation. */
  static Map<String, PipelineRunStatus> statuses(JsonNode run, ScheduleObject schedule) {
    DerivedState complete = of(run, Optional.of(schedule));
    ObjectNode undated = run.deepCopy();
    ((ObjectNode) undated.get("spec")).put("date", "2013-02-30");
    Run accepted = complete.accepted();
    Run canceled =
        WaitingTransitions.cancel(accepted, Reasons.CANCELED, "message", T0).orElseThrow();
    RunAndAttempt bound = complete.bound(0);
    var statuses = new LinkedHashMap<String, Optional<PipelineRunStatus>>();
    statuses.put("the ledger is unavailable", StatusView.storeUnavailable(complete.object, NOW));
    statuses.put(
        "its schedule is missing",
        of(run, Optional.empty()).decided(Optional.empty(), List.of()).status());
    statuses.put(
        "its date does not exist",
        of(undated, Optional.of(schedule)).decided(Optional.empty(), List.of()).status());
    statuses.put(
        "it is waiting",
        complete.decided(Optional.of(complete.row(accepted, List.of())), List.of()).status());
    statuses.put(
        "it is canceled",
        complete.decided(Optional.of(complete.row(canceled, List.of())), List.of()).status());
    statuses.put("it is running", complete.decided(bound, List.of(pod(Optional.of(T0)))).status());
    for (Verdict verdict :
        List.of(Verdict.TASK_FAILED, Verdict.TASK_FAILED_PERMANENT, Verdict.SUCCEEDED)) {
      statuses.put(
          "its attempt ended with " + verdict.reason(),
          complete.decided(ended(bound, verdict), List.of()).status());
    }
    var written = new LinkedHashMap<String, PipelineRunStatus>();
    statuses.forEach((situation, status) -> written.put(situation, status.orElseThrow()));
    return written;
  }
}
