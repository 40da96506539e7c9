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

/** An environment variable of the container. */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
@ValidationRule(
    value = "has(self.value) != has(self.valueFrom)",
    message = "Set exactly one of value and valueFrom for an environment variable.")
@ValidationRule(
    value =
        "!has(self.value) || "
            + "!self.name.matches('(?i)(passw|passphrase|secret|credential|api_?key|access_?key|token$|(^|[-._])(pwd|pass|key)$)') "
            + "|| self.name.matches('(?i)[-._](file|path|dir|name|arn|url|uri|id|ref)$')",
    message =
        "The name of this variable looks like a password, token or key, and the operator stores literal values in its database: put the value into a Secret and reference it in valueFrom.secretKeyRef, or rename the variable.")
public record EnvEntry(
    @JsonPropertyDescription(
            "Name of the variable: letters, digits, -, _ and ., not beginning with a digit. Names that begin with LUIGI_RUN_ are reserved for the operator.")
        @Required
        @Size(min = 1, max = 255)
        @ValidationRule(
            value = "self.matches('^[-._A-Za-z][-._A-Za-z0-9]*$')",
            message =
                "The name of an environment variable must consist of letters, digits, -, _ and ., not beginning with a digit.")
        @ValidationRule(
            value = "!self.startsWith('LUIGI_RUN_')",
            message =
                "Names that begin with LUIGI_RUN_ are reserved for the operator: choose another name.")
        String name,
    @JsonPropertyDescription(
            "Literal value, at most 4096 characters. The operator stores it in its database; use valueFrom.secretKeyRef for secrets. A literal value is refused if the name of the variable looks like a password, token or key.")
        @Size(max = 4096)
        @Nullable String value,
    @JsonPropertyDescription(
            "Source of the value: a key of a Secret, a key of a ConfigMap, or a field of the pod. Set exactly one of value and valueFrom.")
        @Nullable EnvValueSource valueFrom) {}
