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

/** What to run, for which client and date, and how. */
@JsonClassDescription("What to run, for which client and date, and how.")
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
@ValidationRule(
    value = "has(self.scheduleRef) != has(self.pipeline)",
    message =
        "Set exactly one of scheduleRef (use the pipeline of a PipelineSchedule) and pipeline (an inline pipeline).")
@ValidationRule(
    value =
        "has(self.scheduleRef) == has(oldSelf.scheduleRef) && (!has(self.scheduleRef) || self.scheduleRef == oldSelf.scheduleRef)",
    message =
        "scheduleRef may not be changed, added or removed after creation; create a new PipelineRun with another metadata.name.")
@ValidationRule(
    value =
        "has(self.pipeline) == has(oldSelf.pipeline) && (!has(self.pipeline) || self.pipeline == oldSelf.pipeline)",
    message =
        "pipeline may not be changed, added or removed after creation; create a new PipelineRun with another metadata.name.")
@ValidationRule(
    value = "has(self.date) == has(oldSelf.date) && (!has(self.date) || self.date == oldSelf.date)",
    message =
        "date may not be changed, added or removed after creation; create a new PipelineRun with another metadata.name.")
@ValidationRule(
    value =
        "has(self.parameters) == has(oldSelf.parameters) && (!has(self.parameters) || self.parameters == oldSelf.parameters)",
    message =
        "parameters may not be changed, added or removed after creation; create a new PipelineRun with another metadata.name.")
@ValidationRule(
    value =
        "has(self.rerun) == has(oldSelf.rerun) && (!has(self.rerun) || self.rerun == oldSelf.rerun)",
    message =
        "rerun may not be changed, added or removed after creation; create a new PipelineRun with another metadata.name.")
public record PipelineRunSpec(
    @JsonPropertyDescription(
            "PipelineSchedule whose pipeline, client parameters and priority this run uses. While it does not exist, the run stays Pending with reason ScheduleNotFound. Set exactly one of scheduleRef and pipeline. Immutable.")
        @Nullable ScheduleRef scheduleRef,
    @JsonPropertyDescription(
            "Inline pipeline. The Helm chart installs an admission policy that requires the right to create pods in the namespace. Set exactly one of scheduleRef and pipeline. Immutable.")
        @Nullable PipelineSpec pipeline,
    @JsonPropertyDescription(
            "Client (tenant) of the run, 1 to 63 characters: letters, digits, -, _ and ., beginning and ending with a letter or digit. Used as a label value. Put ids such as no, on or 007 in quotes. Immutable.")
        @Required
        @Size(min = 1, max = 63)
        @SelectableField
        @ValidationRule(
            value = "self.matches('^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$')",
            message =
                "client must consist of letters, digits, -, _ and ., and must begin and end with a letter or digit, because it is used as a label value.")
        @ValidationRule(
            value = "self == oldSelf",
            message =
                "client may not be changed after creation; create a new PipelineRun with another metadata.name.")
        String client,
    @JsonPropertyDescription(
            "Business date, that is the date of the data: 2013-01, 2013-01-15, 2013-01-15T07 or 2013-01-15T0730. Put it in quotes. The operator passes it to the task unchanged. Required unless the pipeline sets dateParameter to \"\". A date that does not exist, such as 2013-02-30, makes the run Rejected with reason InvalidDate. Immutable.")
        @Size(max = 15)
        @SelectableField
        @ValidationRule(
            value =
                "self.matches('^[0-9]{4}-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01])(T([01][0-9]|2[0-3])([0-5][0-9])?)?)?$')",
            message =
                "date must be a business date in one of the forms 2013-01, 2013-01-15, 2013-01-15T07 and 2013-01-15T0730.")
        @Nullable String date,
    @JsonPropertyDescription(
            "Luigi parameters of the root task, at most 64. They override the parameters of the pipeline and of the client in the schedule. With scheduleRef, only names in pipeline.allow.parameters of the schedule are allowed; otherwise the run stays Pending with reason ParameterNotAllowed. Immutable.")
        @JsonInclude(JsonInclude.Include.NON_EMPTY)
        @KeyedBy("name")
        @Size(max = 64)
        List<Parameter> parameters,
    @JsonPropertyDescription(
            "Which tasks to run if some are already complete. Default: the incomplete ones. Immutable.")
        @Nullable RerunSpec rerun,
    @JsonPropertyDescription(
            "Order among waiting runs: Critical, High, Normal or Low. A run counts as if it had been created earlier by the head start of its priority (chart value headStartSeconds), so runs of low priority start eventually. Default: with scheduleRef the priority of the PipelineSchedule at the time the run is accepted, otherwise Normal. With scheduleRef, pipeline.allow.priorities of the schedule may restrict it. Immutable once status.startTime is set.")
        @SelectableField
        @Nullable Priority priority,
    @JsonPropertyDescription(
            "Running: start as soon as possible. Held: start no attempt until the value is Running again; an attempt in progress continues. Canceled: stop the run permanently and delete its pod. Default: Running.")
        @Default("Running")
        @ValidationRule(
            value = "oldSelf != 'Canceled' || self == 'Canceled'",
            message =
                "A canceled run stays canceled; create a new PipelineRun with another metadata.name.")
        DesiredState desiredState,
    @JsonPropertyDescription(
            "Earliest start of the first attempt as an RFC 3339 time, such as 2026-01-31T04:00:00Z. A change after status.startTime is set has no effect. Default: none.")
        @Size(max = 35)
        @ValidationRule(
            value =
                "self.matches('^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-5][0-9]:[0-5][0-9]([.][0-9]{1,9})?(Z|[+-](0[0-9]|1[0-7]):[0-5][0-9])$') && timestamp(self) >= timestamp('1970-01-01T00:00:00Z')",
            message =
                "notBeforeTime must be a time with a time zone offset, such as 2026-01-31T04:00:00Z or 2026-01-31T05:00:00+01:00.")
        @JsonFormat(shape = JsonFormat.Shape.STRING)
        @Nullable Instant notBeforeTime,
    @JsonPropertyDescription(
            "Time in which the first attempt must start, in seconds from 1 to 31536000, counted from the acceptance of the run (before that, from its creation) or from notBeforeTime, whichever is later. After that the run fails with reason StartDeadlineExceeded; a run that is not accepted yet is Rejected. Default: no deadline.")
        @Min(1)
        @Max(31536000)
        @Nullable Integer startDeadlineSeconds,
    @JsonPropertyDescription(
            "Maximum duration of one attempt in seconds, from 1 to 2592000. Overrides pipeline.timeouts.activeSeconds. With scheduleRef, it may not exceed pipeline.allow.activeSeconds of the schedule. A change applies from the next attempt on.")
        @Min(1)
        @Max(2592000)
        @Nullable Integer activeDeadlineSeconds,
    @JsonPropertyDescription(
            "Maximum number of counted attempts, from 1 to 100. Overrides pipeline.retry.maxAttempts. With scheduleRef, pipeline.allow.maxAttempts of the schedule may restrict it. If it is lowered to the number of attempts already made, a waiting run fails with reason AttemptsExhausted.")
        @Min(1)
        @Max(100)
        @Nullable Integer maxAttempts,
    @JsonPropertyDescription(
            "Time after the end of the run until the operator deletes this PipelineRun, in seconds from 0 to 31536000. Default: never, for an object that the operator created itself ttlSecondsAfterFinished of the pipeline.")
        @Min(0)
        @Max(31536000)
        @Nullable Integer ttlSecondsAfterFinished) {
  public PipelineRunSpec {
    parameters = List.copyOf(Objects.requireNonNullElse(parameters, List.of()));
    desiredState = Objects.requireNonNullElse(desiredState, DesiredState.Running);
  }
}
