/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

import com.fasterxml.jackson.annotation.JsonFormat;
import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Min;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** One attempt of a run: one Job with one pod. */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record AttemptStatus(
    @JsonPropertyDescription("Number of the attempt, starting at 1.") @Required @Min(1)
        Integer number,
    @JsonPropertyDescription("Name of the Job of this attempt.") @Size(max = 63)
        @Nullable String jobName,
    @JsonPropertyDescription(
            "When the operator selected the pod of this attempt, just before it removed the scheduling gate of that pod. For an attempt without a pod: when the operator created the attempt.")
        @JsonFormat(shape = JsonFormat.Shape.STRING)
        @Nullable Instant startTime,
    @JsonPropertyDescription("When the attempt ended. Absent while it has not ended.")
        @JsonFormat(shape = JsonFormat.Shape.STRING)
        @Nullable Instant finishTime,
    @JsonPropertyDescription("Exit code of the container luigi. Absent if no exit code is known.")
        @Nullable Integer exitCode,
    @JsonPropertyDescription(
            "Why the attempt ended, as one CamelCase word: the verdict of the runner, such as TaskFailed, or the infrastructure cause, such as NodeLost.")
        @Size(max = 64)
        @Nullable String reason,
    @JsonPropertyDescription(
            "Details about the end of the attempt, such as the exception that the failed task raised.")
        @Size(max = 1024)
        @Nullable String message) {}
