/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import io.luigioperator.api.PipelineScheduleSpec;
import java.time.Instant;
import java.util.Optional;

/**
 * A PipelineSchedule as the API server gave it.
 *
 * @param createdAt time of the API server
 * @param lastTickTime of its status
 */
public record ScheduleObject(
    ScheduleKey key,
    String uid,
    Instant createdAt,
    long generation,
    ParsedSpec<PipelineScheduleSpec> parsedSpec,
    Optional<Instant> lastTickTime) {

  public String namespace() {
    return key.namespace();
  }

  public String name() {
    return key.name();
  }

  /** The same object with the spec left out, for a cache. */
  public ScheduleObject withoutSpec() {
    return new ScheduleObject(
        key, uid, createdAt, generation, new ParsedSpec.Omitted<>(Optional.empty()), lastTickTime);
  }

  /**
   * @throws IllegalStateException if it could not be read
   */
  public PipelineScheduleSpec spec() {
    return parsedSpec.get();
  }
}
