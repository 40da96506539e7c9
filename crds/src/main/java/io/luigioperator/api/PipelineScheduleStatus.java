/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

import com.fasterxml.jackson.annotation.JsonClassDescription;
import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Size;
import io.fabric8.kubernetes.api.model.Condition;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Where a PipelineSchedule stands. Written by the operator only. */
@JsonClassDescription("Where a PipelineSchedule stands. Written by the operator only.")
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record PipelineScheduleStatus(
    @JsonPropertyDescription(
            "Generation of the spec that this status is about; -1 before the operator has seen "
                + "the object.")
        @Nullable Long observedGeneration,
    @JsonPropertyDescription("Ready says whether runs may refer to the schedule.")
        @JsonInclude(JsonInclude.Include.NON_EMPTY)
        @KeyedBy("type")
        @Size(max = 16)
        List<Condition> conditions,
    @JsonPropertyDescription("Clients of the schedule, counted.") @Nullable ClientsStatus clients) {
  public PipelineScheduleStatus {
    conditions = List.copyOf(Objects.requireNonNullElse(conditions, List.of()));
  }
}
