/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

import com.fasterxml.jackson.annotation.JsonClassDescription;
import com.fasterxml.jackson.annotation.JsonFormat;
import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.crd.generator.annotation.SelectableField;
import io.fabric8.generator.annotation.Default;
import io.fabric8.generator.annotation.Max;
import io.fabric8.generator.annotation.Min;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import io.fabric8.generator.annotation.ValidationRule;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** What a PipelineRun asks for. */
@JsonClassDescription("What a PipelineRun asks for.")
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
@ValidationRule(
    value = "has(self.scheduleRef) != has(self.pipeline)",
    message =
        "Set exactly one of scheduleRef (to use the pipeline of a PipelineSchedule) and "
            + "pipeline (to bring one along).")
@ValidationRule(
    value =
        "has(self.scheduleRef) == has(oldSelf.scheduleRef) && (!has(self.scheduleRef) || "
            + "self.scheduleRef == oldSelf.scheduleRef)",
    message =
        "scheduleRef may not be changed, added or removed after creation; create a new "
            + "PipelineRun with another metadata.name.")
@ValidationRule(
    value =
        "has(self.pipeline) == has(oldSelf.pipeline) && (!has(self.pipeline) || self.pipeline "
            + "== oldSelf.pipeline)",
    message =
        "pipeline may not be changed, added or removed after creation; create a new "
            + "PipelineRun with another metadata.name.")
@ValidationRule(
    value =
        "has(self.date) == has(oldSelf.date) && (!has(self.date) || self.date == "
            + "oldSelf.date)",
    message =
        "date may not be changed, added or removed after creation; create a new PipelineRun "
            + "with another metadata.name.")
@ValidationRule(
    value =
        "has(self.parameters) == has(oldSelf.parameters) && (!has(self.parameters) || "
            + "self.parameters == oldSelf.parameters)",
    message =
        "parameters may not be changed, added or removed after creation; create a new "
            + "PipelineRun with another metadata.name.")
@ValidationRule(
    value =
        "has(self.rerun) == has(oldSelf.rerun) && (!has(self.rerun) || self.rerun == "
            + "oldSelf.rerun)",
    message =
        "rerun may not be changed, added or removed after creation; create a new PipelineRun "
            + "with another metadata.name.")
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
        @ValidationRule(
            value = "self.matches('^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$')",
            message =
                "client must consist of letters, digits, -, _ and ., beginning and ending with a "
                    + "letter or digit, because it becomes a label value.")
        @ValidationRule(
            value = "self == oldSelf",
            message =
                "client may not be changed after creation; create a new PipelineRun with another "
                    + "metadata.name.")
        String client,
    @JsonPropertyDescription(
            "Business date, the date of the data: 2013-01, 2013-01-15, 2013-01-15T07 or "
                + "2013-01-15T0730, in the time zone of the client. Put it in quotes. Leave it out for "
                + "pipelines without one. May not be changed.")
        @Size(max = 15)
        @SelectableField
        @ValidationRule(
            value =
                "self.matches('^[0-9]{4}-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01])(T([01][0-9]|2[0-3]"
                    + ")([0-5][0-9])?)?)?$')",
            message =
                "date must be a business date in one of the forms 2013-01, 2013-01-15, 2013-01-15T07 "
                    + "and 2013-01-15T0730.")
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
            "How early the run is taken, compared with other waiting runs. Without it the priority "
                + "of the PipelineSchedule counts, as it was when the run was accepted, or Normal "
                + "for an inline pipeline. Fixed once the run has started.")
        @SelectableField
        @Nullable Priority priority,
    @JsonPropertyDescription("Running, Held to keep it waiting, or Canceled to stop it for good.")
        @Default("Running")
        @ValidationRule(
            value = "oldSelf != 'Canceled' || self == 'Canceled'",
            message =
                "A canceled run stays canceled; create a new PipelineRun with another metadata.name.")
        DesiredState desiredState,
    @JsonPropertyDescription(
            "The run does not start before this time, such as 2026-01-31T04:00:00Z.")
        @Size(max = 35)
        @ValidationRule(
            value =
                "self.matches('^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-5][0-9]:[0-5][0-9]([.][0-9]{1,9})?(Z|[+-](0[0-9]|1[0-7]):[0-5][0-9])$') "
                    + "&& timestamp(self) >= timestamp('1970-01-01T00:00:00Z')",
            message =
                "notBeforeTime must be a time with its offset, such as 2026-01-31T04:00:00Z or "
                    + "2026-01-31T05:00:00+01:00.")
        @JsonFormat(shape = JsonFormat.Shape.STRING)
        @Nullable Instant notBeforeTime,
    @JsonPropertyDescription(
            "The run fails when its first attempt has not started so many seconds after it was "
                + "accepted (until it is: created), or after notBeforeTime if that is later.")
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
    desiredState = Objects.requireNonNullElse(desiredState, DesiredState.Running);
  }
}
