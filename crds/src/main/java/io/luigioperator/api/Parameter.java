/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import io.fabric8.generator.annotation.ValidationRule;

/** A Luigi parameter of the root task. */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record Parameter(
    @JsonPropertyDescription(
            "Name of the parameter as the task class declares it: letters, digits and _, not beginning with a digit. If the task has no such parameter, the attempt ends with reason InvalidSpec and the run fails.")
        @Required
        @Size(min = 1, max = 63)
        @ValidationRule(
            value = "self.matches('^[A-Za-z_][A-Za-z0-9_]*$')",
            message =
                "A parameter name must be a Python name: letters, digits and _, not beginning with a digit.")
        String name,
    @JsonPropertyDescription(
            "Value as a string of at most 4096 characters; the task class parses it. Put numbers and words such as yes, no, on and off in quotes, because YAML reads them as numbers or booleans otherwise. The value is never passed through a shell.")
        @Required
        @Size(max = 4096)
        String value) {}
