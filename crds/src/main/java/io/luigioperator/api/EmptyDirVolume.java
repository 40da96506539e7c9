/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Size;
import org.jspecify.annotations.Nullable;

/** An empty directory that lives as long as the pod. */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record EmptyDirVolume(
    @JsonPropertyDescription(
            "Memory for a directory in memory; without it the disk of the node is used.")
        @Size(max = 16)
        @Nullable String medium,
    @JsonPropertyDescription(
            "Most bytes the directory may hold, such as 2Gi. The pod is evicted when it holds "
                + "more.")
        @Size(max = 32)
        @Nullable String sizeLimit) {}
