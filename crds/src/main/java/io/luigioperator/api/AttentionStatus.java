/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Min;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import org.jspecify.annotations.Nullable;

/** A client of a schedule that needs attention. */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record AttentionStatus(
    @JsonPropertyDescription("Id of the client.") @Required @Size(max = 63) String client,
    @JsonPropertyDescription("Failing, Lagging or Invalid.") @Size(max = 16)
        @Nullable String reason,
    @JsonPropertyDescription(
            "Business dates after the last one that succeeded; 100 stands for 100 or more.")
        @Min(0)
        @Nullable Integer datesBehind,
    @JsonPropertyDescription("Newest business date that has ended.") @Size(max = 15)
        @Nullable String date,
    @JsonPropertyDescription("Its PipelineRun.") @Size(max = 63) @Nullable String run,
    @JsonPropertyDescription("How that run ended, or why the client is invalid.") @Size(max = 256)
        @Nullable String message) {}
