/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import io.luigioperator.api.PipelineScheduleSpec;
import java.util.Optional;

/** A PipelineSchedule as the API server gave it. */
public record ScheduleObject(
    String namespace, String name, long generation, ParsedSpec<PipelineScheduleSpec> parsedSpec) {

  /** An object that can be read. */
  public ScheduleObject(String namespace, String name, long generation, PipelineScheduleSpec spec) {
    this(namespace, name, generation, new ParsedSpec.Valid<>(spec));
  }

  /** The same object with the spec left out, for a cache. */
  public ScheduleObject withoutSpec() {
    return new ScheduleObject(
        namespace, name, generation, new ParsedSpec.Omitted<>(Optional.empty()));
  }

  /**
   * @throws IllegalStateException if it could not be read
   */
  public PipelineScheduleSpec spec() {
    return parsedSpec.get();
  }
}
