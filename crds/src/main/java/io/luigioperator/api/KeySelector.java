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
import org.jspecify.annotations.Nullable;

/** One key of a Secret or ConfigMap in the namespace of the run. */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record KeySelector(
    @JsonPropertyDescription("Name of the object in the namespace of the run.")
        @Required
        @Size(min = 1, max = 253)
        String name,
    @JsonPropertyDescription("Key in the data of the object.") @Required @Size(min = 1, max = 253)
        String key,
    @JsonPropertyDescription(
            "Whether the container may start without this variable if the object or the key is missing. Default: false, the container does not start while one is missing.")
        @Nullable Boolean optional) {}
