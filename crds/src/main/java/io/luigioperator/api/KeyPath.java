/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Max;
import io.fabric8.generator.annotation.Min;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import io.fabric8.generator.annotation.ValidationRule;
import org.jspecify.annotations.Nullable;

/** One key of a ConfigMap or Secret and the path of its file. */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record KeyPath(
    @JsonPropertyDescription("Key in the data of the ConfigMap or Secret.")
        @Required
        @Size(min = 1, max = 253)
        String key,
    @JsonPropertyDescription(
            "Path of the file inside the volume. It must be relative and must not contain the part '..'.")
        @Required
        @Size(min = 1, max = 1024)
        @ValidationRule(
            value = "!self.startsWith('/') && !self.matches('(^|/)[.][.](/|$)')",
            message =
                "The path of a file in a volume must be relative and may not contain the part '..'; use a path such as conf/app.ini.")
        String path,
    @JsonPropertyDescription(
            "Permission bits of the file as a decimal number from 0 to 511; 292 is r--r--r--. Default: defaultMode of the volume.")
        @Min(0)
        @Max(511)
        @Nullable Integer mode) {}
