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

/** A source of many environment variables. Exactly one of configMapRef and secretRef is set. */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
@ValidationRule(
    value = "has(self.configMapRef) != has(self.secretRef)",
    message = "Set exactly one of configMapRef and secretRef.")
public record EnvFromEntry(
    @JsonPropertyDescription(
            "Text put before each name. Names that begin with LUIGI_RUN_ belong to the operator.")
        @Size(max = 128)
        @Nullable String prefix,
    @JsonPropertyDescription("A ConfigMap in the namespace of the run.")
        @Nullable ObjectSelector configMapRef,
    @JsonPropertyDescription(
            "A Secret in the namespace of the run. Its values are masked in logs and messages.")
        @Nullable ObjectSelector secretRef) {}
