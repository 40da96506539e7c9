/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.ValidationRule;
import org.jspecify.annotations.Nullable;

/** Source of the value of an environment variable. Exactly one field is set. */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
@ValidationRule(
    value =
        "[has(self.secretKeyRef), has(self.configMapKeyRef), has(self.fieldRef)].filter(f, "
            + "f).size() == 1",
    message = "Set exactly one of secretKeyRef, configMapKeyRef and fieldRef.")
public record EnvValueSource(
    @JsonPropertyDescription(
            "Key of a Secret in the namespace of the run. The runner masks the value in logs and messages.")
        @Nullable KeySelector secretKeyRef,
    @JsonPropertyDescription("Key of a ConfigMap in the namespace of the run.")
        @Nullable KeySelector configMapKeyRef,
    @JsonPropertyDescription("Field of the pod, as in the downward API of Kubernetes.")
        @Nullable FieldSelector fieldRef) {}
