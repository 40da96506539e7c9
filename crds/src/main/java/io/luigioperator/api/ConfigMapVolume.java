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
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** The keys of a ConfigMap as files. */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record ConfigMapVolume(
    @JsonPropertyDescription("Name of the ConfigMap.") @Required @Size(min = 1, max = 253)
        String name,
    @JsonPropertyDescription(
            "Keys to take and the paths they get; without it every key becomes a file of its "
                + "name.")
        @JsonInclude(JsonInclude.Include.NON_EMPTY)
        @KeyedBy("path")
        @Size(max = 64)
        List<KeyPath> items,
    @JsonPropertyDescription("Permission bits of the files as a decimal number; 420 is rw-r--r--.")
        @Min(0)
        @Max(511)
        @Nullable Integer defaultMode,
    @JsonPropertyDescription("Whether the pod starts when the ConfigMap or a key is missing.")
        @Nullable Boolean optional) {
  public ConfigMapVolume {
    items = List.copyOf(Objects.requireNonNullElse(items, List.of()));
  }
}
