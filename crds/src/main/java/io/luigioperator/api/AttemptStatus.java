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

/** One attempt of a run: one Job, one pod. */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record AttemptStatus(
    @JsonPropertyDescription("Number of the attempt, from 1.") @Required @Min(1) Integer number,
    @JsonPropertyDescription("Name of its Job.") @Size(max = 63) @Nullable String jobName,
    @JsonPropertyDescription(
            "When its pod was chosen, just before it may start; of an attempt that never had a "
                + "pod, when it was claimed.")
        @JsonFormat(shape = JsonFormat.Shape.STRING)
        @Nullable Instant startTime,
    @JsonPropertyDescription("When it ended.") @JsonFormat(shape = JsonFormat.Shape.STRING)
        @Nullable Instant finishTime,
    @JsonPropertyDescription("Exit code of its container.") @Nullable Integer exitCode,
    @JsonPropertyDescription("Verdict or cause of its end, in one word.") @Size(max = 64)
        @Nullable String reason,
    @JsonPropertyDescription("What is known about its end.") @Size(max = 1024)
        @Nullable String message) {}
