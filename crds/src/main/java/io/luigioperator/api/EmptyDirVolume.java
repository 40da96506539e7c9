/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Size;
import io.fabric8.generator.annotation.ValidationRule;
import org.jspecify.annotations.Nullable;

/** An empty directory that lives as long as the pod. */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record EmptyDirVolume(
    @JsonPropertyDescription(
            "Memory for a directory in memory; without it the disk of the node is used.")
        @Nullable EmptyDirMedium medium,
    @JsonPropertyDescription(
            "Most bytes the directory may hold, such as 2Gi. The pod is evicted when it holds "
                + "more.")
        @Size(max = 32)
        @AsQuantity
        @ValidationRule(
            value =
                "type(self) == int ? self >= 0 : isQuantity(self) && "
                    + "quantity(self).compareTo(quantity('0')) >= 0",
            message = "emptyDir.sizeLimit must be a quantity that is not negative, such as 2Gi.")
        @Nullable String sizeLimit) {}
