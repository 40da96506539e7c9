/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import io.luigioperator.api.PipelineScheduleSpec;
import io.luigioperator.api.PipelineSpec;
import io.luigioperator.api.Priority;
import io.luigioperator.api.ScheduleClient;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/** PipelineSchedules without crons, which runs can refer to. */
public final class ScheduleFixture {

  private ScheduleFixture() {}

  public static ScheduleObject schedule(
      String namespace, String name, long generation, PipelineScheduleSpec spec) {
    return schedule(namespace, name, generation, new ParsedSpec.Valid<>(spec));
  }

  public static ScheduleObject schedule(
      String namespace, String name, long generation, ParsedSpec<PipelineScheduleSpec> spec) {
    return new ScheduleObject(
        new ScheduleKey(namespace, name),
        "uid-" + name,
        Instant.EPOCH,
        generation,
        spec,
        Optional.empty());
  }

  public static PipelineScheduleSpec spec(
      PipelineSpec pipeline, Priority priority, List<ScheduleClient> clients) {
    return new PipelineScheduleSpec(
        pipeline, priority, clients, List.of(), null, null, null, null, null, null, null, List.of(),
        null, null);
  }

  public static ScheduleClient client(String id, io.luigioperator.api.Parameter... parameters) {
    return new ScheduleClient(id, List.of(parameters), null, List.of(), null, null, null, null);
  }
}
