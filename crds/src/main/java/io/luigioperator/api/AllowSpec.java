/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Default;
import io.fabric8.generator.annotation.Size;
import io.fabric8.generator.annotation.ValidationRule;
import java.util.List;
import java.util.Objects;

/** What a PipelineRun that references the schedule may set itself. */
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
            "Whether a PipelineRun with scheduleRef may name a client that spec.clients does not list. If false, such a PipelineRun stays Pending with reason ClientNotAllowed until the client is listed. Default: false.")
        @Default("false")
        Boolean unlistedClients) {
  public AllowSpec {
    parameters = List.copyOf(Objects.requireNonNullElse(parameters, List.of()));
    unlistedClients = Objects.requireNonNullElse(unlistedClients, false);
  }

  static final AllowSpec NOTHING = new AllowSpec(List.of(), false);
}
