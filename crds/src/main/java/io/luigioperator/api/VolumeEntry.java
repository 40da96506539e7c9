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

/** A volume of the pod with exactly one source. */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
@ValidationRule(
    value =
        "[has(self.emptyDir), has(self.persistentVolumeClaim), has(self.configMap), "
            + "has(self.secret)].filter(f, f).size() == 1",
    message = "Set exactly one of emptyDir, persistentVolumeClaim, configMap and secret.")
public record VolumeEntry(
    @JsonPropertyDescription(
            "Name that volumeMounts use, 1 to 63 characters: a-z, 0-9 and -, beginning and ending with a letter or digit.")
        @Required
        @Size(min = 1, max = 63)
        @ValidationRule(
            value = "self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
            message =
                "The name of a volume must consist of a-z, 0-9 and -, beginning and ending with a "
                    + "letter or digit.")
        String name,
    @JsonPropertyDescription(
            "Directory that is empty when the pod starts and is deleted with the pod.")
        @Nullable EmptyDirVolume emptyDir,
    @JsonPropertyDescription(
            "PersistentVolumeClaim in the namespace of the run. The pod gets an fsGroup, so that every user id of an image can write to the volume.")
        @Nullable ClaimVolume persistentVolumeClaim,
    @JsonPropertyDescription("ConfigMap whose keys become files.")
        @Nullable ConfigMapVolume configMap,
    @JsonPropertyDescription("Secret whose keys become files.") @Nullable SecretVolume secret) {}
