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

/** An environment variable of the container. */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record EnvEntry(
    @JsonPropertyDescription(
            "Name of the variable. Names that begin with LUIGI_RUN_ belong to the operator.")
        @Required
        @Size(min = 1, max = 255)
        String name,
    @JsonPropertyDescription(
            "Literal value. It is stored in the database, so secrets belong into "
                + "valueFrom.secretKeyRef.")
        @Size(max = 4096)
        @Nullable String value,
    @JsonPropertyDescription("Takes the value from a Secret, a ConfigMap or the pod instead.")
        @Nullable EnvValueSource valueFrom) {}
