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

/** How failed attempts are repeated. All times are in seconds. */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
@ValidationRule(
    value = "self.backoffSeconds <= self.maxBackoffSeconds",
    message =
        "retry.maxBackoffSeconds may not be less than retry.backoffSeconds; raise it, or "
            + "lower backoffSeconds.")
public record RetrySpec(
    @JsonPropertyDescription(
            "Maximum number of attempts, the first one included, from 1 to 100. Attempts that end because of the infrastructure do not count. Default: 3.")
        @Default("3")
        @Min(1)
        @Max(100)
        Integer maxAttempts,
    @JsonPropertyDescription(
            "Delay before the second attempt in seconds, from 1 to 86400. It doubles after each further failed attempt, up to maxBackoffSeconds. Default: 60.")
        @Default("60")
        @Min(1)
        @Max(86400)
        Integer backoffSeconds,
    @JsonPropertyDescription(
            "Maximum delay between two attempts in seconds, from 1 to 86400. Must not be less than backoffSeconds. Default: 3600.")
        @Default("3600")
        @Min(1)
        @Max(86400)
        Integer maxBackoffSeconds,
    @JsonPropertyDescription(
            "Maximum number of attempts that may end because of the infrastructure (pod evicted, node lost, image cannot be pulled) and be repeated, from 0 to 1000. After one more the run fails. Default: 10.")
        @Default("10")
        @Min(0)
        @Max(1000)
        Integer maxInfrastructureRetries,
    @JsonPropertyDescription(
            "Names of at most 32 Python exception classes, such as ValueError, base classes included. If every error of an attempt is one of them, the run fails without another attempt. Default: none.")
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
