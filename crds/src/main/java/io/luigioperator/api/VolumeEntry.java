/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import org.jspecify.annotations.Nullable;

/** A volume of the pod. Exactly one source is set. */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record VolumeEntry(
    @JsonPropertyDescription("Name by which volumeMounts refer to the volume.")
        @Required
        @Size(min = 1, max = 63)
        String name,
    @JsonPropertyDescription("An empty directory that lives as long as the pod.")
        @Nullable EmptyDirVolume emptyDir,
    @JsonPropertyDescription("A persistent volume claim in the namespace of the run.")
        @Nullable ClaimVolume persistentVolumeClaim,
    @JsonPropertyDescription("The keys of a ConfigMap as files.")
        @Nullable ConfigMapVolume configMap,
    @JsonPropertyDescription("The keys of a Secret as files.") @Nullable SecretVolume secret) {}
