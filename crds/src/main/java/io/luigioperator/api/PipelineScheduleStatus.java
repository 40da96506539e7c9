/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

import com.fasterxml.jackson.annotation.JsonClassDescription;
import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Size;
import io.fabric8.kubernetes.api.model.Condition;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Observed state of a PipelineSchedule. Only the operator writes it. */
@JsonClassDescription("Observed state of the schedule. Only the operator writes it.")
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record PipelineScheduleStatus(
    @JsonPropertyDescription(
            "metadata.generation that this status describes; -1 until the operator has processed the object.")
        @Nullable Long observedGeneration,
    @JsonPropertyDescription(
            "Conditions Ready, RunsHealthy, Reconciling and Stalled. Ready is True if runs can reference the schedule and its crons create runs. It is False with reason NoClients if the schedule lists no clients and does not allow unlisted ones, CronInvalid or TimeZoneUnknown if a cron or time zone is invalid, or ClientInvalid if no run can be created for a client; then Stalled is True. RunsHealthy is False if clients are failing or lagging; this never affects Ready. Reconciling is True while the newest generation is not applied yet.")
        @JsonInclude(JsonInclude.Include.NON_EMPTY)
        @KeyedBy("type")
        @Size(max = 16)
        List<Condition> conditions,
    @JsonPropertyDescription("Number of clients.") @Nullable ClientsStatus clients,
    @JsonPropertyDescription(
            "The next time at which a cron of a client runs, as an RFC 3339 time. Updated at most once a minute.")
        @Size(max = 32)
        @Nullable String nextTickTime,
    @JsonPropertyDescription(
            "The newest cron time that was decided, as an RFC 3339 time. Updated at most once a minute.")
        @Size(max = 32)
        @Nullable String lastTickTime,
    @JsonPropertyDescription(
            "At most 20 clients that need attention, the worst first. Updated at most once a minute.")
        @JsonInclude(JsonInclude.Include.NON_EMPTY)
        @Size(max = 20)
        List<AttentionStatus> attention,
    @JsonPropertyDescription("The backfills of the spec. Updated at most once a minute.")
        @JsonInclude(JsonInclude.Include.NON_EMPTY)
        @Size(max = 20)
        List<BackfillStatus> backfills) {
  public PipelineScheduleStatus {
    attention = List.copyOf(Objects.requireNonNullElse(attention, List.of()));
    backfills = List.copyOf(Objects.requireNonNullElse(backfills, List.of()));
    conditions = List.copyOf(Objects.requireNonNullElse(conditions, List.of()));
  }
}
