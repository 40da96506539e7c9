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

/** A volume of the pod. Exactly one source is set. */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
@ValidationRule(
    value =
        "[has(self.emptyDir), has(self.persistentVolumeClaim), has(self.configMap), "
            + "has(self.secret)].filter(f, f).size() == 1",
    message = "Set exactly one of emptyDir, persistentVolumeClaim, configMap and secret.")
public record VolumeEntry(
    @JsonPropertyDescription("Name by which volumeMounts refer to the volume.")
        @Required
        @Size(min = 1, max = 63)
        @ValidationRule(
            value = "self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
            message =
                "The name of a volume must consist of a-z, 0-9 and -, beginning and ending with a "
                    + "letter or digit.")
        String name,
    @JsonPropertyDescription("An empty directory that lives as long as the pod.")
        @Nullable EmptyDirVolume emptyDir,
    @JsonPropertyDescription("A persistent volume claim in the namespace of the run.")
        @Nullable ClaimVolume persistentVolumeClaim,
    @JsonPropertyDescription("The keys of a ConfigMap as files.")
        @Nullable ConfigMapVolume configMap,
    @JsonPropertyDescription("The keys of a Secret as files.") @Nullable SecretVolume secret) {}
