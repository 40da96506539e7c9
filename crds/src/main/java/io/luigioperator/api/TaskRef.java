/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;

/** The root task of a pipeline. */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record TaskRef(
    @JsonPropertyDescription(
            "Python module that is imported to find the task, such as flights.pipeline.")
        @Required
        @Size(min = 1, max = 255)
        String module,
    @JsonPropertyDescription(
            "Luigi task family of the root task, such as CarrierReport, or with its task "
                + "namespace billing.CarrierReport.")
        @Required
        @Size(min = 1, max = 255)
        String family) {}
