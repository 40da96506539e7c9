/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

import com.fasterxml.jackson.annotation.JsonClassDescription;
import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.crd.generator.annotation.SelectableField;
import io.fabric8.generator.annotation.Default;
import io.fabric8.generator.annotation.Max;
import io.fabric8.generator.annotation.Min;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import io.fabric8.generator.annotation.ValidationRule;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** The pipeline, its clients, and when it runs for them. */
@JsonClassDescription("The pipeline, its clients, and when it runs for them.")
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
@ValidationRule(
    value = "self.pipeline.mutex == oldSelf.pipeline.mutex",
    message =
        "pipeline.mutex may not be changed after creation, because existing runs rely on it; create a PipelineSchedule with another metadata.name.",
    fieldPath = ".pipeline.mutex")
public record PipelineScheduleSpec(
    @JsonPropertyDescription(
            "Pipeline of the runs that reference this schedule. A change applies to runs that are accepted after it.")
        @Required
        PipelineSpec pipeline,
    @JsonPropertyDescription(
            "Priority of the runs that set none: Critical, High, Normal or Low. A change applies to runs that are accepted after it. Default: Normal.")
        @Default("Normal")
        @SelectableField
        Priority priority,
    @JsonPropertyDescription(
            "Clients that the pipeline may run for, at most 500. A run for another client stays Pending with reason ClientNotAllowed, unless pipeline.allow.unlistedClients is true. Default: none.")
        @JsonInclude(JsonInclude.Include.NON_EMPTY)
        @KeyedBy("id")
        @Size(max = 500)
        List<ScheduleClient> clients,
    @JsonPropertyDescription(
            "When runs are created for each client, at most 8 crons in the time zone of the client: five fields (minute, hour, day of month, month, day of week) such as \"0 2 * * *\", or @hourly, @daily, @weekly or @monthly. Default: none; then the schedule creates no runs.")
        @JsonInclude(JsonInclude.Include.NON_EMPTY)
        @UniqueItems
        @Size(max = 8)
        @ValidationRule(value = CronRules.CRONS, message = CronRules.CRONS_MESSAGE)
        List<@Size(min = 1, max = 128) String> crons,
    @JsonPropertyDescription(
            "Time zone of the crons and business dates, a name of the tz database such as Europe/Berlin. Default: Etc/UTC.")
        @Default("Etc/UTC")
        @Size(min = 1, max = 64)
        @SelectableField
        @ValidationRule(value = CronRules.ZONE, message = CronRules.ZONE_MESSAGE)
        String timeZone,
    @JsonPropertyDescription(
            "How the business date of a run follows from the local time of its cron. Default: the day before.")
        @Default("{}")
        BusinessDateSpec businessDate,
    @JsonPropertyDescription(
            "What happens to a cron time that daylight saving time skips or repeats. RunOnce: a skipped time runs at the first valid time after it, a repeated time at its first pass; crons whose hour field is * follow elapsed time instead. Strict: a skipped time does not run, a repeated time runs at its first pass. Default: RunOnce.")
        @Default("RunOnce")
        DstPolicy dstPolicy,
    @JsonPropertyDescription(
            "Runs start up to this number of seconds after their cron time, from 0 to 86400, to spread the load. The delay of a client is always the same. Default: 0.")
        @Default("0")
        @Min(0)
        @Max(86400)
        Integer jitterSeconds,
    @JsonPropertyDescription(
            "What happens to cron times that passed while the operator was not running or the schedule did not exist. Default: the latest missed business date of each client runs, if it is at most a week old.")
        @Default("{}")
        CatchUpSpec catchUp,
    @JsonPropertyDescription(
            "If true, the crons create no runs. Cron times that pass meanwhile are skipped. PipelineRuns can still reference the schedule. Default: false.")
        @Default("false")
        @SelectableField
        Boolean suspend,
    @JsonPropertyDescription(
            "Maximum number of runs of this schedule that wait for a slot or run at a time, over all clients, from 1 to 10000. Further runs are held with reason ScheduleLimit. Default: no limit.")
        @Min(1)
        @Max(10000)
        @Nullable Integer maxConcurrentRuns,
    @JsonPropertyDescription(
            "Ranges of business dates to run, at most 20. If one is removed, its waiting runs are canceled. Default: none.")
        @JsonInclude(JsonInclude.Include.NON_EMPTY)
        @KeyedBy("name")
        @Size(max = 20)
        List<BackfillSpec> backfills,
    @JsonPropertyDescription(
            "How many ended PipelineRuns that the schedule has created are kept; older ones are deleted, and remain in the ledger.")
        @Default("{}")
        HistorySpec history,
    @JsonPropertyDescription(
            "What happens to the runs that the schedule has created when it is deleted. CancelQueued: those that wait are canceled. Retain: they go on. Default: CancelQueued.")
        @Default("CancelQueued")
        DeletionPolicy deletionPolicy) {
  public PipelineScheduleSpec {
    crons = List.copyOf(Objects.requireNonNullElse(crons, List.of()));
    timeZone = Objects.requireNonNullElse(timeZone, "Etc/UTC");
    businessDate = Objects.requireNonNullElse(businessDate, BusinessDateSpec.DEFAULT);
    dstPolicy = Objects.requireNonNullElse(dstPolicy, DstPolicy.RunOnce);
    jitterSeconds = Objects.requireNonNullElse(jitterSeconds, 0);
    catchUp = Objects.requireNonNullElse(catchUp, CatchUpSpec.DEFAULT);
    suspend = Objects.requireNonNullElse(suspend, false);
    priority = Objects.requireNonNullElse(priority, Priority.Normal);
    clients = List.copyOf(Objects.requireNonNullElse(clients, List.of()));
    backfills = List.copyOf(Objects.requireNonNullElse(backfills, List.of()));
    history = Objects.requireNonNullElse(history, HistorySpec.DEFAULT);
    deletionPolicy = Objects.requireNonNullElse(deletionPolicy, DeletionPolicy.CancelQueued);
  }
}
