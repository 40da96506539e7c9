/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;

/** The PipelineSchedule whose pipeline a run uses. */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record ScheduleRef(
    @JsonPropertyDescription("Name of a PipelineSchedule in the same namespace.")
        @Required
        @Size(min = 1, max = 40)
        String name) {}
