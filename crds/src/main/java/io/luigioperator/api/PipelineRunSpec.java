/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

import com.fasterxml.jackson.annotation.JsonFormat;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.crd.generator.annotation.SelectableField;
import io.fabric8.generator.annotation.Default;
import io.fabric8.generator.annotation.Max;
import io.fabric8.generator.annotation.Min;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** What a PipelineRun asks for. */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record PipelineRunSpec(
    @JsonPropertyDescription(
            "Uses the pipeline of this PipelineSchedule, with the parameters it gives to the "
                + "client. Exactly one of scheduleRef and pipeline is set. May not be changed.")
        @Nullable ScheduleRef scheduleRef,
    @JsonPropertyDescription(
            "An inline pipeline. Exactly one of scheduleRef and pipeline is set. May not be "
                + "changed.")
        @Nullable PipelineSpec pipeline,
    @JsonPropertyDescription(
            "The client (tenant) the run is for. It is used as a label value. May not be changed.")
        @Required
        @Size(min = 1, max = 63)
        @SelectableField
        String client,
    @JsonPropertyDescription(
            "Business date, the date of the data: 2013-01, 2013-01-15, 2013-01-15T07 or "
                + "2013-01-15T0730, in the time zone of the client. Put it in quotes. Leave it out for "
                + "pipelines without one. May not be changed.")
        @Size(max = 15)
        @SelectableField
        @Nullable String date,
    @JsonPropertyDescription(
            "Luigi parameters of the root task. With scheduleRef only names that "
                + "pipeline.allow.parameters of the schedule lists. May not be changed.")
        @JsonInclude(JsonInclude.Include.NON_EMPTY)
        @KeyedBy("name")
        @Size(max = 64)
        List<Parameter> parameters,
    @JsonPropertyDescription(
            "What is repeated of work that may be complete already. May not be changed.")
        @Nullable RerunSpec rerun,
    @JsonPropertyDescription(
            "How early the run is taken, compared with other waiting runs. Fixed once the run has "
                + "started.")
        @Default("Normal")
        @SelectableField
        Priority priority,
    @JsonPropertyDescription("Running, Held to keep it waiting, or Canceled to stop it for good.")
        @Default("Running")
        DesiredState desiredState,
    @JsonPropertyDescription(
            "The run does not start before this time, such as 2026-01-31T04:00:00Z.")
        @JsonFormat(shape = JsonFormat.Shape.STRING)
        @Nullable Instant notBeforeTime,
    @JsonPropertyDescription(
            "The run fails when its first attempt has not started so many seconds after it was "
                + "created, or after notBeforeTime if that is later.")
        @Min(1)
        @Max(31536000)
        @Nullable Integer startDeadlineSeconds,
    @JsonPropertyDescription(
            "Longest time of one attempt, in seconds; replaces timeouts.activeSeconds of the "
                + "pipeline.")
        @Min(1)
        @Max(2592000)
        @Nullable Integer activeDeadlineSeconds,
    @JsonPropertyDescription("Replaces retry.maxAttempts of the pipeline.") @Min(1) @Max(100)
        @Nullable Integer maxAttempts,
    @JsonPropertyDescription(
            "The PipelineRun is deleted so many seconds after its end. Without it a PipelineRun "
                + "that a user made stays; for one the operator made the value of the pipeline counts.")
        @Min(0)
        @Max(31536000)
        @Nullable Integer ttlSecondsAfterFinished) {
  public PipelineRunSpec {
    parameters = List.copyOf(Objects.requireNonNullElse(parameters, List.of()));
    priority = Objects.requireNonNullElse(priority, Priority.Normal);
    desiredState = Objects.requireNonNullElse(desiredState, DesiredState.Running);
  }
}
