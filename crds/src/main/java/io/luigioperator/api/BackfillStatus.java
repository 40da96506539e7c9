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

/** Progress of a backfill. */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record BackfillStatus(
    @JsonPropertyDescription("Name of the backfill.") @Required @Size(max = 20) String name,
    @JsonPropertyDescription("Running, Suspended, Completed or Invalid.") @Size(max = 16)
        @Nullable String state,
    @JsonPropertyDescription("Processed dates of all clients, of the total, such as 120/5840.")
        @Size(max = 32)
        @Nullable String progress,
    @JsonPropertyDescription("Number of its runs that wait or run.") @Min(0) @Nullable Long active,
    @JsonPropertyDescription("Number of its runs that have succeeded.") @Min(0)
        @Nullable Long succeeded,
    @JsonPropertyDescription("Number of its runs that have failed or were canceled.") @Min(0)
        @Nullable Long failed,
    @JsonPropertyDescription("Number of dates that were skipped.") @Min(0) @Nullable Long skipped,
    @JsonPropertyDescription("Why it is Invalid, and what to do.") @Size(max = 1024)
        @Nullable String message) {}
