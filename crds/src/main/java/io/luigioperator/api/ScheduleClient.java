/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import io.fabric8.generator.annotation.ValidationRule;
import java.util.List;
import java.util.Objects;

/** One client of a schedule. */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record ScheduleClient(
    @JsonPropertyDescription(
            "Id of the client, 1 to 63 characters: letters, digits, -, _ and ., beginning and ending with a letter or digit. Used as a label value. Put ids such as no, on or 007 in quotes.")
        @Required
        @Size(min = 1, max = 63)
        @ValidationRule(
            value = "self.matches('^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$')",
            message =
                "The id of a client must consist of letters, digits, -, _ and ., and must begin and end with a letter or digit, because it is used as a label value.")
        String id,
    @JsonPropertyDescription(
            "Luigi parameters for this client, at most 16. They override the parameters of the pipeline; the parameters of a run override them. Only names in pipeline.allow.parameters and pipeline.allow.clientParameters are allowed; otherwise runs for this client stay Pending with reason ParameterNotAllowed. Default: none.")
        @JsonInclude(JsonInclude.Include.NON_EMPTY)
        @KeyedBy("name")
        @Size(max = 16)
        List<Parameter> parameters) {
  public ScheduleClient {
    parameters = List.copyOf(Objects.requireNonNullElse(parameters, List.of()));
  }
}
