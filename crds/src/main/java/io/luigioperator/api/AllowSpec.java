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
import org.jspecify.annotations.Nullable;

/** What the clients of a schedule, and the PipelineRuns that reference it, may set. */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record AllowSpec(
    @JsonPropertyDescription(
            "Names of the parameters that a PipelineRun with scheduleRef may set, at most 64. A PipelineRun that sets another parameter stays Pending with reason ParameterNotAllowed until this list contains it. Default: none.")
        @JsonInclude(JsonInclude.Include.NON_EMPTY)
        @UniqueItems
        @Size(max = 64)
        @ValidationRule(
            value = "self.all(name, name.matches('^[A-Za-z_][A-Za-z0-9_]*$'))",
            message =
                "Every entry of allow.parameters must be a Python name: letters, digits and _, not beginning with a digit.")
        List<@Size(min = 1, max = 63) String> parameters,
    @JsonPropertyDescription(
            "Names of the parameters, in addition to parameters, that spec.clients may set, at most 64. Runs may not set them. A PipelineRun for a client with another parameter stays Pending with reason ParameterNotAllowed. The Helm chart installs an admission policy that requires the right to create pods to change these parameters in spec.clients. Default: none.")
        @JsonInclude(JsonInclude.Include.NON_EMPTY)
        @UniqueItems
        @Size(max = 64)
        @ValidationRule(
            value = "self.all(name, name.matches('^[A-Za-z_][A-Za-z0-9_]*$'))",
            message =
                "Every entry of allow.clientParameters must be a Python name: letters, digits and _, not beginning with a digit.")
        List<@Size(min = 1, max = 63) String> clientParameters,
    @JsonPropertyDescription(
            "Whether a PipelineRun with scheduleRef may name a client that spec.clients does not list. If false, such a PipelineRun stays Pending with reason ClientNotAllowed until the client is listed. Default: false.")
        @Default("false")
        Boolean unlistedClients,
    @JsonPropertyDescription(
            "Priorities that a PipelineRun with scheduleRef may set, 1 to 4 of Critical, High, Normal and Low. A PipelineRun that sets another one stays Pending with reason LimitExceeded; a later change to another one has no effect. Default: all.")
        @JsonInclude(JsonInclude.Include.NON_EMPTY)
        @UniqueItems
        @Size(min = 1, max = 4)
        List<Priority> priorities,
    @JsonPropertyDescription(
            "Maximum of maxAttempts that a PipelineRun with scheduleRef may set, from 1 to 100. A PipelineRun that sets more stays Pending with reason LimitExceeded; after a later change this maximum applies. Default: 100.")
        @Min(1)
        @Max(100)
        @Nullable Integer maxAttempts,
    @JsonPropertyDescription(
            "Maximum of activeDeadlineSeconds that a PipelineRun with scheduleRef may set, in seconds from 1 to 2592000. A PipelineRun that sets more stays Pending with reason LimitExceeded; after a later change this maximum applies. Default: timeouts.activeSeconds, so that a run can only lower it.")
        @Min(1)
        @Max(2592000)
        @Nullable Integer activeSeconds) {
  public AllowSpec {
    parameters = List.copyOf(Objects.requireNonNullElse(parameters, List.of()));
    clientParameters = List.copyOf(Objects.requireNonNullElse(clientParameters, List.of()));
    priorities = List.copyOf(Objects.requireNonNullElse(priorities, List.of()));
    unlistedClients = Objects.requireNonNullElse(unlistedClients, false);
  }

  static final AllowSpec NOTHING =
      new AllowSpec(List.of(), List.of(), false, List.of(), null, null);
}
