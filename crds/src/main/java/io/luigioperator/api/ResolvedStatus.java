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

/** What the operator made of the request. */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record ResolvedStatus(
    @JsonPropertyDescription("Container image that is run.") @Size(max = 512)
        @Nullable String image,
    @JsonPropertyDescription("Generation of the PipelineSchedule the pipeline was taken from.")
        @Nullable Long scheduleGeneration,
    @JsonPropertyDescription("Which tasks of the tree are run.") @Nullable RerunMode mode,
    @JsonPropertyDescription(
            "How early the run is taken: the priority it asks for, or else that of its "
                + "PipelineSchedule when the run was accepted, or else Normal.")
        @Nullable Priority priority) {}
