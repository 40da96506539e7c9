/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Size;
import java.util.Map;

/**
 * Compute resources of the container; quantities as Kubernetes writes them, such as 500m or 2Gi.
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record ResourcesSpec(
    @JsonPropertyDescription(
            "What the node must have free for the container, by resource name, such as cpu: 500m "
                + "and memory: 512Mi.")
        @JsonInclude(JsonInclude.Include.NON_EMPTY)
        @Size(max = 16)
        Map<String, String> requests,
    @JsonPropertyDescription("What the container may use at most, by resource name.")
        @JsonInclude(JsonInclude.Include.NON_EMPTY)
        @Size(max = 16)
        Map<String, String> limits) {
  public ResourcesSpec {
    requests = Frozen.sorted(requests);
    limits = Frozen.sorted(limits);
  }

  static final ResourcesSpec NONE = new ResourcesSpec(Map.of(), Map.of());
}
