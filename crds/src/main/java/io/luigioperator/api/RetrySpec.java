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
import io.fabric8.generator.annotation.Size;
import io.fabric8.generator.annotation.ValidationRule;
import java.util.List;
import java.util.Objects;

/** How failed attempts are repeated. Times are in seconds. */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
@ValidationRule(
    value = "self.backoffSeconds <= self.maxBackoffSeconds",
    message =
        "retry.maxBackoffSeconds may not be less than retry.backoffSeconds; raise it, or "
            + "lower backoffSeconds.")
public record RetrySpec(
    @JsonPropertyDescription(
            "Attempts that may fail by the fault of the pipeline, the first one included. "
                + "Infrastructure faults do not count.")
        @Default("3")
        @Min(1)
        @Max(100)
        Integer maxAttempts,
    @JsonPropertyDescription("Wait before the second attempt; doubled for each further one.")
        @Default("60")
        @Min(1)
        @Max(86400)
        Integer backoffSeconds,
    @JsonPropertyDescription("Longest wait between two attempts.")
        @Default("3600")
        @Min(1)
        @Max(86400)
        Integer maxBackoffSeconds,
    @JsonPropertyDescription(
            "Attempts that may be lost to infrastructure (evicted pods, lost nodes, images that "
                + "cannot be pulled) before the run fails.")
        @Default("10")
        @Min(0)
        @Max(1000)
        Integer maxInfrastructureRetries,
    @JsonPropertyDescription(
            "Names of Python exception classes, such as ValueError. When every failure of an "
                + "attempt is one of them the run fails without another attempt.")
        @JsonInclude(JsonInclude.Include.NON_EMPTY)
        @UniqueItems
        @Size(max = 32)
        @ValidationRule(
            value =
                "self.all(name, name.matches('^[A-Za-z_][A-Za-z0-9_]*([.][A-Za-z_][A-Za-z0-9_]*)*$'))",
            message =
                "Every entry of retry.nonRetryableErrors must be the name of a Python exception "
                    + "class, such as ValueError.")
        List<@Size(min = 1, max = 255) String> nonRetryableErrors) {
  public RetrySpec {
    maxAttempts = Objects.requireNonNullElse(maxAttempts, 3);
    backoffSeconds = Objects.requireNonNullElse(backoffSeconds, 60);
    maxBackoffSeconds = Objects.requireNonNullElse(maxBackoffSeconds, 3600);
    maxInfrastructureRetries = Objects.requireNonNullElse(maxInfrastructureRetries, 10);
    nonRetryableErrors = List.copyOf(Objects.requireNonNullElse(nonRetryableErrors, List.of()));
  }

  static final RetrySpec DEFAULT = new RetrySpec(3, 60, 3600, 10, List.of());
}
