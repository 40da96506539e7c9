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
import org.jspecify.annotations.Nullable;

/** A path in the container at which a volume is mounted. */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record VolumeMountEntry(
    @JsonPropertyDescription("Name of an entry of volumes.") @Required @Size(min = 1, max = 63)
        String name,
    @JsonPropertyDescription(
            "Absolute path in the container, without a colon. A mount at /tmp replaces the volume of 2Gi that the operator mounts there.")
        @Required
        @Size(min = 1, max = 1024)
        @ValidationRule(
            value = "self.matches('^/[^:]*$')",
            message = "mountPath must be an absolute path without a colon, such as /data.")
        String mountPath,
    @JsonPropertyDescription(
            "Path inside the volume to mount instead of its root. It must be relative and must not contain the part '..'.")
        @Size(max = 1024)
        @ValidationRule(
            value = "!self.startsWith('/') && !self.matches('(^|/)[.][.](/|$)')",
            message =
                "subPath must be relative and may not contain the part '..'; use a path such as reports/daily.")
        @Nullable String subPath,
    @JsonPropertyDescription("Whether the container mounts it read-only. Default: false.")
        @Nullable Boolean readOnly) {}
