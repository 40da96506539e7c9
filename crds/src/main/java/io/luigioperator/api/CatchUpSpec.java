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

/** What happens to cron times that passed while no operator could decide them. */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record CatchUpSpec(
    @JsonPropertyDescription(
            "Which missed business dates run afterwards, for each client: None, Latest (the latest one) or All. A cron time is missed if it is decided more than 300 seconds late. Default: Latest.")
        @Default("Latest")
        CatchUpPolicy policy,
    @JsonPropertyDescription(
            "With policy All: maximum number of missed business dates that run for each client, the latest ones, from 1 to 1000. Default: 7.")
        @Default("7")
        @Min(1)
        @Max(1000)
        Integer maxRunsPerClient,
    @JsonPropertyDescription(
            "Cron times that are older than this number of seconds do not run any more, from 60 to 31536000. Default: 604800, which is a week.")
        @Default("604800")
        @Min(60)
        @Max(31536000)
        Integer windowSeconds,
    @JsonPropertyDescription(
            "Priority of the runs of missed business dates: Critical, High, Normal or Low. Default: Low.")
        @Default("Low")
        Priority priority) {
  public CatchUpSpec {
    policy = Objects.requireNonNullElse(policy, CatchUpPolicy.Latest);
    maxRunsPerClient = Objects.requireNonNullElse(maxRunsPerClient, 7);
    windowSeconds = Objects.requireNonNullElse(windowSeconds, 604800);
    priority = Objects.requireNonNullElse(priority, Priority.Low);
  }

  static final CatchUpSpec DEFAULT = new CatchUpSpec(CatchUpPolicy.Latest, 7, 604800, Priority.Low);
}
