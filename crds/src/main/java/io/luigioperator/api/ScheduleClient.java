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
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

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
        List<Parameter> parameters,
    @JsonPropertyDescription(
            "Time zone of the crons and business dates of this client, such as America/New_York. Default: timeZone of the schedule.")
        @Size(min = 1, max = 64)
        @ValidationRule(value = CronRules.ZONE, message = CronRules.ZONE_MESSAGE)
        @Nullable String timeZone,
    @JsonPropertyDescription(
            "Crons of this client, at most 4. They replace the crons of the schedule. Default: the crons of the schedule.")
        @JsonInclude(JsonInclude.Include.NON_EMPTY)
        @UniqueItems
        @Size(max = 4)
        @ValidationRule(value = CronRules.CRONS, message = CronRules.CRONS_MESSAGE)
        List<@Size(min = 1, max = 128) String> crons,
    @JsonPropertyDescription(
            "Priority of the runs that the schedule creates for this client: Critical, High, Normal or Low. Default: priority of the schedule.")
        @Nullable Priority priority,
    @JsonPropertyDescription(
            "If true, the crons of this client create no runs. Cron times that pass meanwhile are skipped. Default: false.")
        @Nullable Boolean suspend,
    @JsonPropertyDescription(
            "Cron times before this time do not run, as an RFC 3339 time such as 2026-01-01T00:00:00Z. Default: none.")
        @Nullable Instant startTime,
    @JsonPropertyDescription(
            "Cron times at or after this time do not run, as an RFC 3339 time such as 2026-12-31T00:00:00Z. Default: none.")
        @Nullable Instant endTime) {
  public ScheduleClient {
    crons = List.copyOf(Objects.requireNonNullElse(crons, List.of()));
    parameters = List.copyOf(Objects.requireNonNullElse(parameters, List.of()));
  }
}
