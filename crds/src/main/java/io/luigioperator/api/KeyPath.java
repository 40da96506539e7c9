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

/** One key of a ConfigMap or Secret and the file it becomes. */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record KeyPath(
    @JsonPropertyDescription("Key in the data of the object.") @Required @Size(min = 1, max = 253)
        String key,
    @JsonPropertyDescription("Path of the file inside the volume; relative and without two dots.")
        @Required
        @Size(min = 1, max = 1024)
        @ValidationRule(
            value = "!self.startsWith('/') && !self.matches('(^|/)[.][.](/|$)')",
            message =
                "The path of a file in a volume must be relative and may not contain the part ..; "
                    + "name a path such as conf/app.ini.")
        String path,
    @JsonPropertyDescription("Permission bits of the file as a decimal number; 292 is r--r--r--.")
        @Min(0)
        @Max(511)
        @Nullable Integer mode) {}
