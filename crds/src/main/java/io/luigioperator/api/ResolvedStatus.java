/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Size;
import org.jspecify.annotations.Nullable;

/** Values that the operator determined when it accepted the run. */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record ResolvedStatus(
    @JsonPropertyDescription("Container image of the run.") @Size(max = 512) @Nullable String image,
    @JsonPropertyDescription(
            "metadata.generation of the PipelineSchedule whose pipeline the run uses. Absent for an inline pipeline.")
        @Nullable Long scheduleGeneration,
    @JsonPropertyDescription("Which tasks of the dependency tree the run executes.")
        @Nullable RerunMode mode,
    @JsonPropertyDescription(
            "Priority of the run: spec.priority, otherwise the priority that the PipelineSchedule had when the run was accepted, otherwise Normal.")
        @Nullable Priority priority) {}
