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

/** A field of the pod. */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record FieldSelector(
    @JsonPropertyDescription(
            "Path of the field, such as metadata.name, spec.nodeName or status.podIP. If Kubernetes does not support the path, the run is Rejected with reason PodTemplateInvalid.")
        @Required
        @Size(min = 1, max = 253)
        String fieldPath) {}
