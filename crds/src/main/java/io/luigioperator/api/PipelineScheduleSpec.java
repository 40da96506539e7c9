/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

import com.fasterxml.jackson.annotation.JsonClassDescription;
import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Default;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import io.fabric8.generator.annotation.ValidationRule;
import java.util.List;
import java.util.Objects;

/** A pipeline and the clients it is for. */
@JsonClassDescription("A pipeline and the clients it is for.")
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
@ValidationRule(
    value = "self.pipeline.mutex == oldSelf.pipeline.mutex",
    message =
        "pipeline.mutex may not be changed after creation, because runs under way rely on it; "
            + "create a PipelineSchedule with another metadata.name.",
    fieldPath = ".pipeline.mutex")
public record PipelineScheduleSpec(
    @JsonPropertyDescription("The pipeline that the runs of this schedule use.") @Required
        PipelineSpec pipeline,
    @JsonPropertyDescription("Priority of the runs of this schedule that set none themselves.")
        @Default("Normal")
        Priority priority,
    @JsonPropertyDescription("The clients the pipeline may be run for.")
        @JsonInclude(JsonInclude.Include.NON_EMPTY)
        @KeyedBy("id")
        @Size(max = 500)
        List<ScheduleClient> clients) {
  public PipelineScheduleSpec {
    priority = Objects.requireNonNullElse(priority, Priority.Normal);
    clients = List.copyOf(Objects.requireNonNullElse(clients, List.of()));
  }
}
