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

/** A ConfigMap as a volume: each key becomes a file. */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record ConfigMapVolume(
    @JsonPropertyDescription("Name of a ConfigMap in the namespace of the run.")
        @Required
        @Size(min = 1, max = 253)
        String name,
    @JsonPropertyDescription(
            "Keys to mount and the paths of their files, at most 64. Default: every key becomes a file with the name of the key.")
        @JsonInclude(JsonInclude.Include.NON_EMPTY)
        @KeyedBy("path")
        @Size(max = 64)
        List<KeyPath> items,
    @JsonPropertyDescription(
            "Permission bits of the files as a decimal number from 0 to 511; 420 is rw-r--r--. Default: 420.")
        @Min(0)
        @Max(511)
        @Nullable Integer defaultMode,
    @JsonPropertyDescription(
            "Whether the pod may start without the ConfigMap or a listed key. Default: false, the container does not start while one is missing.")
        @Nullable Boolean optional) {
  public ConfigMapVolume {
    items = List.copyOf(Objects.requireNonNullElse(items, List.of()));
  }
}
