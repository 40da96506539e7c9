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

/** Where the value of an environment variable comes from. Exactly one field is set. */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
@ValidationRule(
    value =
        "[has(self.secretKeyRef), has(self.configMapKeyRef), has(self.fieldRef)].filter(f, "
            + "f).size() == 1",
    message = "Set exactly one of secretKeyRef, configMapKeyRef and fieldRef.")
public record EnvValueSource(
    @JsonPropertyDescription("A key of a Secret in the namespace of the run.")
        @Nullable KeySelector secretKeyRef,
    @JsonPropertyDescription("A key of a ConfigMap in the namespace of the run.")
        @Nullable KeySelector configMapKeyRef,
    @JsonPropertyDescription("A field of the pod.") @Nullable FieldSelector fieldRef) {}
