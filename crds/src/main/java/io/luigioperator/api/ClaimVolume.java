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

/** A PersistentVolumeClaim as a volume. */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record ClaimVolume(
    @JsonPropertyDescription(
            "Name of a PersistentVolumeClaim in the namespace of the run. If it does not exist within timeouts.startSeconds, the attempt ends with reason Unschedulable.")
        @Required
        @Size(min = 1, max = 253)
        String claimName,
    @JsonPropertyDescription("Whether all containers mount the volume read-only. Default: false.")
        @Nullable Boolean readOnly) {}
