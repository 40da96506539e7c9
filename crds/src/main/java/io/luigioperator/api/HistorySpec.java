/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Default;
import io.fabric8.generator.annotation.Max;
import io.fabric8.generator.annotation.Min;
import java.util.Objects;

/** How many ended PipelineRuns of a schedule are kept. */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record HistorySpec(
    @JsonPropertyDescription("Succeeded PipelineRuns of each client, 0 to 100. Default: 1.")
        @Default("1")
        @Min(0)
        @Max(100)
        Integer succeeded,
    @JsonPropertyDescription(
            "Failed or canceled PipelineRuns of each client, 0 to 100. Default: 3.")
        @Default("3")
        @Min(0)
        @Max(100)
        Integer failed) {
  public HistorySpec {
    succeeded = Objects.requireNonNullElse(succeeded, 1);
    failed = Objects.requireNonNullElse(failed, 3);
  }

  static final HistorySpec DEFAULT = new HistorySpec(1, 3);
}
