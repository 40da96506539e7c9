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

/** The pipeline and its clients. */
@JsonClassDescription("The pipeline and its clients.")
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
@ValidationRule(
    value = "self.pipeline.mutex == oldSelf.pipeline.mutex",
    message =
        "pipeline.mutex may not be changed after creation, because existing runs rely on it; create a PipelineSchedule with another metadata.name.",
    fieldPath = ".pipeline.mutex")
public record PipelineScheduleSpec(
    @JsonPropertyDescription(
            "Pipeline of the runs that reference this schedule. A change applies to runs that are accepted after it.")
        @Required
        PipelineSpec pipeline,
    @JsonPropertyDescription(
            "Priority of the runs that set none: Critical, High, Normal or Low. A change applies to runs that are accepted after it. Default: Normal.")
        @Default("Normal")
        Priority priority,
    @JsonPropertyDescription(
            "Clients that the pipeline may run for, at most 500. A run for another client stays Pending with reason ClientNotAllowed, unless pipeline.allow.unlistedClients is true. Default: none.")
        @JsonInclude(JsonInclude.Include.NON_EMPTY)
        @KeyedBy("id")
        @Size(max = 500)
        List<ScheduleClient> clients) {
  public PipelineScheduleSpec {
    priority = Objects.requireNonNullElse(priority, Priority.Normal);
    clients = List.copyOf(Objects.requireNonNullElse(clients, List.of()));
  }
}
