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

/**
 * An object whose keys become environment variables. Exactly one of configMapRef and secretRef is
 * set.
 */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
@ValidationRule(
    value = "has(self.configMapRef) != has(self.secretRef)",
    message = "Set exactly one of configMapRef and secretRef.")
public record EnvFromEntry(
    @JsonPropertyDescription(
            "Prefix of every variable name, at most 128 characters. Names that begin with LUIGI_RUN_ are reserved for the operator. Default: no prefix.")
        @Size(max = 128)
        @Nullable String prefix,
    @JsonPropertyDescription(
            "ConfigMap whose keys become environment variables. Set exactly one of configMapRef and secretRef.")
        @Nullable ObjectSelector configMapRef,
    @JsonPropertyDescription(
            "Secret whose keys become environment variables. The runner masks the values in logs and messages. Set exactly one of configMapRef and secretRef.")
        @Nullable ObjectSelector secretRef) {}
