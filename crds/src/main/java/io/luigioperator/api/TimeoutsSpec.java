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
            "Maximum duration of one attempt in seconds, from 1 to 2592000, counted from the start of its container. After that the attempt is stopped, ends with reason Deadline and counts as failed. activeDeadlineSeconds of a run overrides it. Default: 14400.")
        @Default("14400")
        @Min(1)
        @Max(2592000)
        Integer activeSeconds,
    @JsonPropertyDescription(
            "Maximum time from the moment the operator removes the scheduling gate of the pod to the start of its container in seconds, from 10 to 86400. After that the operator deletes the pod; the attempt ends because of the infrastructure. Default: 900.")
        @Default("900")
        @Min(10)
        @Max(86400)
        Integer startSeconds,
    @JsonPropertyDescription(
            "Maximum duration of one Luigi task in seconds, from 0 to 2592000; a task that takes longer is stopped and fails. 0 means no limit. Default: 0.")
        @Default("0")
        @Min(0)
        @Max(2592000)
        Integer taskSeconds,
    @JsonPropertyDescription(
            "Time between the request to stop an attempt (SIGTERM) and SIGKILL in seconds, from 20 to 3600. Running tasks can finish until 10 seconds before its end. Default: 120.")
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
