/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.crd.generator.annotation.SelectableField;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import io.fabric8.generator.annotation.ValidationRule;

/** Reference to the PipelineSchedule whose pipeline a run uses. */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record ScheduleRef(
    @JsonPropertyDescription(
            "Name of a PipelineSchedule in the same namespace, 1 to 40 characters.")
        @Required
        @Size(min = 1, max = 40)
        @SelectableField
        @ValidationRule(
            value = "self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
            message =
                "scheduleRef.name must be the name of a PipelineSchedule: a-z, 0-9 and -, beginning "
                    + "and ending with a letter or digit.")
        String name) {}
