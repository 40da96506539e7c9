/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import static io.luigioperator.run.SnapshotBuilder.T0;
import static io.luigioperator.run.SnapshotBuilder.bound;
import static io.luigioperator.run.SnapshotBuilder.object;
import static io.luigioperator.run.SnapshotBuilder.ready;
import static io.luigioperator.run.SnapshotBuilder.spec;
import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.client.utils.KubernetesSerialization;
import io.fabric8.kubernetes.client.utils.Serialization;
import io.luigioperator.api.DesiredState;
import io.luigioperator.api.Phase;
import io.luigioperator.api.PipelineRunStatus;
import io.luigioperator.api.PipelineScheduleSpec;
import io.luigioperator.api.PipelineScheduleStatus;
import io.luigioperator.run.Resolver.Resolution;
import io.luigioperator.run.TickSummary.Applied;
import io.luigioperator.run.TickSummary.Problem;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * Statuses as files, for the tests of what GitOps tools make of them. Of the spec they contain only
 * what such a tool reads.
 */
class RecordedStatusesTest {
  private static final Path FILES = Path.of("../crds/src/test/resources/statuses");

  private static final String HEADER =
      """
      # Copyright The luigi-operator authors
      # SPDX-License-Identifier: Apache-2.0
      #
      # Written by RecordedStatusesTest with -Dgolden.update=true
      """;

  private static final KubernetesSerialization YAML = new KubernetesSerialization();

  // ---- runs

  private static Map<String, PipelineRunStatus> runs() {
    RunObject object = object(spec(DesiredState.Running), "uid-1", 1);
    Resolution.Refused noSchedule =
        new Resolution.Refused(
            Reasons.SCHEDULE_NOT_FOUND, "PipelineSchedule nightly does not exist", true);
    Map<String, PipelineRunStatus> runs = new LinkedHashMap<>();
    runs.put("pending-schedule-not-found", StatusView.pending(object, noSchedule, T0));
    runs.put("pending-pod-not-checked", StatusView.notChecked(object, "timeout", T0));
    runs.put("pending-store-unavailable", StatusView.storeUnavailable(object, T0).orElseThrow());
    runs.put("pending-spec-unreadable", StatusView.unreadable(object, "spec.x is unknown", T0));
    runs.put(
        "rejected",
        shown(ready().object(object(spec(DesiredState.Running, "99", null), "uid-2", 1))));
    runs.put("queued-for-capacity", shown(ready()));
    runs.put("queued-for-client", shown(ready().heldBy(new RunKey("flights", "ua-20130114"))));
    runs.put("queued-for-time", waiting(r -> r.with(RunState.DELAYED, "WaitingForTime", "")));
    runs.put("held", held(Reasons.HELD, "spec.desiredState is Held"));
    runs.put("held-internal-error", held(Reasons.INTERNAL_ERROR, "the Job cannot be created"));
    runs.put("held-namespace-missing", held(Reasons.NAMESPACE_MISSING, "namespace is missing"));
    runs.put("held-mass-deletion", held(Reasons.MASS_DELETION, "many have disappeared"));
    runs.put("retrying", shown(bound().finished(Verdict.TASK_FAILED)));
    runs.put("running", shown(running()));
    runs.put("stopping", shown(running().canceled()));
    runs.put("succeeded", shown(bound().finished(Verdict.SUCCEEDED)));
    runs.put(
        "succeeded-before",
        shown(
            bound()
                .finished(Verdict.SUCCEEDED)
                .object(object(spec(DesiredState.Running), "uid-2", 1))));
    runs.put("failed", shown(bound().finished(Verdict.TASK_FAILED_PERMANENT)));
    runs.put("canceled", shown(ready().canceled()));
    return runs;
  }

  private static SnapshotBuilder running() {
    return bound().onNode("n1").pod(Pods.running("pod-1", "n1"));
  }

  private static PipelineRunStatus held(String reason, String message) {
    return waiting(run -> WaitingTransitions.hold(run, reason, message).orElseThrow());
  }

  private static PipelineRunStatus waiting(UnaryOperator<Run> transition) {
    SnapshotBuilder c = ready();
    return shown(c.run(transition.apply(c.run())));
  }

  private static PipelineRunStatus shown(SnapshotBuilder c) {
    RunSnapshot s = c.after(Duration.ofMinutes(2)).snapshot();
    return StatusView.of(s, s.row().orElseThrow(), Limits.DEFAULT, c.now).orElseThrow();
  }

  // ---- schedules

  private static ScheduleObject schedule(String clients, String suspend) {
    return ScheduleFixture.schedule(
        "flights",
        "nightly",
        1,
        Serialization.unmarshal(
            "# YAML\n{pipeline: {image: i, task: {module: m, family: F}}, crons: ['0 2 * * *'], clients: %s, suspend: %s}"
                .formatted(clients, suspend),
            PipelineScheduleSpec.class));
  }

  private static final ScheduleObject NIGHTLY = schedule("[{id: acme}, {id: globex}]", "false");

  private static Map<String, PipelineScheduleStatus> schedules() {
    Map<String, PipelineScheduleStatus> schedules = new LinkedHashMap<>();
    schedules.put("not-applied", of(NIGHTLY, TickSummary.EMPTY));
    schedules.put("without-runs", of(NIGHTLY, ticks(Optional.empty(), health("", ""))));
    schedules.put("healthy", of(NIGHTLY, ticks(Optional.empty(), health("A S", "S"))));
    schedules.put("clients-failing", of(NIGHTLY, ticks(Optional.empty(), health("F S", "A A S"))));
    schedules.put("clients-lagging", of(NIGHTLY, ticks(Optional.empty(), health("S", "A A S"))));
    for (String reason : new String[] {"CronInvalid", "TimeZoneUnknown", "ClientInvalid"}) {
      Problem problem = new Problem(reason, "client acme: correct it");
      schedules.put(
          reason.replaceAll("(?<=[a-z])(?=[A-Z])", "-").toLowerCase(),
          of(NIGHTLY, ticks(Optional.of(problem), health("S", "S"))));
    }
    ScheduleObject empty = schedule("[]", "false");
    schedules.put("no-clients", of(empty, TickSummary.withoutCrons(empty)));
    schedules.put(
        "spec-unreadable",
        of(
            ScheduleFixture.schedule(
                "flights", "nightly", 1, new ParsedSpec.Unreadable<>("spec.x is unknown")),
            TickSummary.EMPTY));
    Problem elsewhere = new Problem(Reasons.OTHER_CLUSTER, "cluster west has this schedule, too");
    schedules.put("other-cluster", of(NIGHTLY, ticks(Optional.of(elsewhere), Optional.empty())));
    return schedules;
  }

  private static PipelineScheduleStatus of(ScheduleObject schedule, TickSummary ticks) {
    return ScheduleView.of(schedule, ticks, Optional.empty(), T0);
  }

  private static TickSummary ticks(Optional<Problem> problem, Optional<HealthSummary> health) {
    return new TickSummary(
        Optional.of(Applied.of(NIGHTLY)),
        Optional.of(T0.plus(Duration.ofHours(14))),
        Optional.of(T0.minus(Duration.ofHours(10))),
        0,
        problem.isPresent() ? 1 : 0,
        problem,
        health,
        List.of());
  }

  private static Optional<HealthSummary> health(String acme, String globex) {
    return Optional.of(
        HealthSummary.of(
            Map.of(
                "acme", ClientHealth.of(ClientHealthTest.runs(acme)),
                "globex", ClientHealth.of(ClientHealthTest.runs(globex))),
            Map.of()));
  }

  // ---- files

  private static String document(
      String kind, String name, Map<String, Object> spec, Object status) {
    Map<String, Object> document = new LinkedHashMap<>();
    document.put("apiVersion", "luigi-operator.io/v1beta1");
    document.put("kind", kind);
    Map<String, Object> metadata = new LinkedHashMap<>(); // in this order
    metadata.put("name", name);
    metadata.put("generation", 1);
    document.put("metadata", metadata);
    document.put("spec", spec);
    document.put("status", status);
    return HEADER + YAML.asYaml(document);
  }

  private static Map<String, String> documents() {
    Map<String, String> documents = new LinkedHashMap<>();
    runs()
        .forEach(
            (name, status) ->
                documents.put(
                    "run-" + name, document("PipelineRun", "ua-20130115", Map.of(), status)));
    schedules()
        .forEach(
            (name, status) ->
                documents.put(
                    "schedule-" + name,
                    document("PipelineSchedule", "nightly", Map.of("suspend", false), status)));
    documents.put(
        "schedule-suspended",
        document(
            "PipelineSchedule",
            "nightly",
            Map.of("suspend", true),
            of(
                schedule("[{id: acme}, {id: globex}]", "true"),
                ticks(Optional.empty(), health("F S", "S")))));
    return documents;
  }

  @Test
  void theFilesAreWhatTheOperatorWrites() throws IOException {
    Map<String, String> documents = documents();
    if (Boolean.getBoolean("golden.update")) {
      for (var document : documents.entrySet()) {
        Files.writeString(FILES.resolve(document.getKey() + ".yaml"), document.getValue());
      }
    }
    for (var document : documents.entrySet()) {
      Path file = FILES.resolve(document.getKey() + ".yaml");
      assertThat(document.getValue())
          .as("differs from %s; if that is meant, run with -Dgolden.update=true", file)
          .isEqualTo(Files.readString(file));
    }
    try (Stream<Path> files = Files.list(FILES)) {
      assertThat(files.map(file -> file.getFileName().toString().replace(".yaml", "")))
          .containsExactlyInAnyOrderElementsOf(documents.keySet());
    }
  }

  @Test
  void everyPhaseIsRecorded() {
    assertThat(runs().values().stream().map(PipelineRunStatus::phase))
        .contains(Phase.values())
        .doesNotContainNull();
    assertThat(Arrays.stream(Phase.values())).hasSizeGreaterThan(5);
  }
}
