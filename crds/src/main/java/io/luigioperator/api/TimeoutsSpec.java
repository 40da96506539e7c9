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

/** Time limits of one attempt, in seconds. */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record TimeoutsSpec(
    @JsonPropertyDescription(
            "Longest time of one attempt, from the start of its container. A run can set "
                + "activeDeadlineSeconds instead.")
        @Default("14400")
        @Min(1)
        @Max(2592000)
        Integer activeSeconds,
    @JsonPropertyDescription(
            "Longest time from opening the gate of the pod to the start of its container. After "
                + "that the pod is deleted and the attempt counts as an infrastructure fault.")
        @Default("900")
        @Min(10)
        @Max(86400)
        Integer startSeconds,
    @JsonPropertyDescription("Longest time of a single Luigi task; 0 means no limit.")
        @Default("0")
        @Min(0)
        @Max(2592000)
        Integer taskSeconds,
    @JsonPropertyDescription("Time an attempt has to end after it was told to stop.")
        @Default("120")
        @Min(20)
        @Max(3600)
        Integer graceSeconds) {
  public TimeoutsSpec {
    activeSeconds = Objects.requireNonNullElse(activeSeconds, 14400);
    startSeconds = Objects.requireNonNullElse(startSeconds, 900);
    taskSeconds = Objects.requireNonNullElse(taskSeconds, 0);
    graceSeconds = Objects.requireNonNullElse(graceSeconds, 120);
  }

  static final TimeoutsSpec DEFAULT = new TimeoutsSpec(14400, 900, 0, 120);
}
