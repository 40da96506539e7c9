/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Min;
import org.jspecify.annotations.Nullable;

/** Number of clients of a schedule. */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record ClientsStatus(
    @JsonPropertyDescription("Number of clients.") @Min(0) @Nullable Integer total,
    @JsonPropertyDescription("Number of clients that are neither failing nor lagging nor invalid.")
        @Min(0)
        @Nullable Integer ok,
    @JsonPropertyDescription("Number of clients whose newest ended business date has failed.")
        @Min(0)
        @Nullable Integer failing,
    @JsonPropertyDescription(
            "Number of clients with at least two business dates after the last one that succeeded, and that are not failing.")
        @Min(0)
        @Nullable Integer lagging,
    @JsonPropertyDescription(
            "Number of clients whose crons create no runs because they are suspended, or the schedule is.")
        @Min(0)
        @Nullable Integer suspended,
    @JsonPropertyDescription(
            "Number of clients whose crons create no runs because a cron or time zone is invalid, or no run can be created from their parameters; condition Ready names one of them.")
        @Min(0)
        @Nullable Integer invalid) {}
