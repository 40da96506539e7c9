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

/** The root task of a pipeline. */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record TaskRef(
    @JsonPropertyDescription(
            "Python module that defines the task, such as flights.pipeline. If it cannot be found in the image, the attempt ends with reason InvalidSpec and the run fails.")
        @Required
        @Size(min = 1, max = 255)
        @ValidationRule(
            value = "self.matches('^[A-Za-z_][A-Za-z0-9_]*([.][A-Za-z_][A-Za-z0-9_]*)*$')",
            message =
                "task.module must be the dotted name of a Python module, such as flights.pipeline.")
        String module,
    @JsonPropertyDescription(
            "Luigi task family of the root task: the name of its class, such as CarrierReport, or with a task namespace, such as billing.CarrierReport. If the module has no such family, the attempt ends with reason InvalidSpec and the run fails.")
        @Required
        @Size(min = 1, max = 255)
        @ValidationRule(
            value = "self.matches('^[A-Za-z_][A-Za-z0-9_]*([.][A-Za-z_][A-Za-z0-9_]*)*$')",
            message =
                "task.family must be the family of a Luigi task, such as CarrierReport or "
                    + "billing.CarrierReport.")
        String family) {}
