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

/** A directory that is empty when the pod starts and is deleted with the pod. */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record EmptyDirVolume(
    @JsonPropertyDescription(
            "Memory stores the directory in the memory of the node; its content counts towards the memory limit of the container. Default: the disk of the node.")
        @Nullable EmptyDirMedium medium,
    @JsonPropertyDescription(
            "Maximum size of the directory as a Kubernetes quantity, such as 2Gi; not negative. The kubelet evicts the pod when the directory exceeds it. Default: no limit.")
        @Size(max = 32)
        @AsQuantity
        @ValidationRule(
            value =
                "type(self) == int ? self >= 0 : isQuantity(self) && "
                    + "quantity(self).compareTo(quantity('0')) >= 0",
            message = "emptyDir.sizeLimit must be a quantity that is not negative, such as 2Gi.")
        @Nullable String sizeLimit) {}
