/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.fabric8.kubernetes.api.model.Condition;
import io.fabric8.kubernetes.api.model.ConditionBuilder;
import io.luigioperator.api.Phase;
import io.luigioperator.api.PipelineRunSpec;
import io.luigioperator.api.PipelineRunStatus;
import io.luigioperator.run.ParsedSpec;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunObject;
import io.luigioperator.run.ScheduleObject;
import io.luigioperator.schedule.History;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** Which of ten succeeded and ten failed PipelineRuns of a client a schedule keeps. */
public final class KeptRuns {

  private static final Instant T0 = Instant.parse("2026-11-27T01:00:00Z");

  private KeptRuns() {}

  /** The names of those that are deleted. */
  public static List<String> deletedBy(ScheduleObject schedule) {
    List<RunObject> ended =
        Stream.of(Phase.Succeeded, Phase.Failed)
            .flatMap(phase -> IntStream.range(0, 10).mapToObj(i -> ended(phase, i)))
            .toList();
    return History.beyond(schedule.spec().history(), ended).stream()
        .map(run -> run.key().name())
        .toList();
  }

  private static RunObject ended(Phase phase, int i) {
    List<Condition> conditions =
        Stream.of("Accepted", "Finished", phase == Phase.Succeeded ? "Succeeded" : "Reconciling")
            .map(type -> new ConditionBuilder().withType(type).withStatus("True").build())
            .toList();
    PipelineRunStatus status =
        PipelineRunStatus.builder()
            .phase(phase)
            .completionTime(T0.plusSeconds(i))
            .conditions(conditions)
            .build();
    return new RunObject(
        new RunKey("flights", phase + "-" + i),
        "uid-" + phase + i,
        1,
        T0,
        false,
        true,
        new ParsedSpec.Omitted<PipelineRunSpec>(Optional.of("nightly")),
        Optional.of(status));
  }
}
