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
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import io.fabric8.generator.annotation.ValidationRule;
import java.util.List;
import java.util.Objects;

/** A range of business dates that run once. */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
@ValidationRule(
    value = "self.start.size() == self.end.size() && self.start <= self.end",
    message = "start must not be after end, and both must have the same form, such as 2026-07-01.")
@ValidationRule(
    value =
        "self.start == oldSelf.start && self.end == oldSelf.end && self.reprocess == oldSelf.reprocess && self.order == oldSelf.order && has(self.clients) == has(oldSelf.clients) && (!has(self.clients) || self.clients == oldSelf.clients)",
    message =
        "Only priority, maxConcurrentRuns and suspend of a backfill may be changed; add a backfill with another name.")
public record BackfillSpec(
    @JsonPropertyDescription(
            "Name, 1 to 20 characters of a-z, 0-9 and -. A name is used once: a later backfill of the schedule needs another one.")
        @Required
        @Size(min = 1, max = 20)
        @ValidationRule(
            value = "self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
            message =
                "The name of a backfill must consist of a-z, 0-9 and -, and must begin and end with a letter or digit.")
        String name,
    @JsonPropertyDescription(
            "First business date, in the form of businessDate.unit: 2026-07, 2026-07-01, 2026-07-01T14 or 2026-07-01T1430.")
        @Required
        @Size(min = 7, max = 15)
        @ValidationRule(value = DATE, message = DATE_MESSAGE)
        String start,
    @JsonPropertyDescription("Last business date, in the same form.")
        @Required
        @Size(min = 7, max = 15)
        @ValidationRule(value = DATE, message = DATE_MESSAGE)
        String end,
    @JsonPropertyDescription("Ids of at most 100 clients. Default: all clients.")
        @JsonInclude(JsonInclude.Include.NON_EMPTY)
        @Size(max = 100)
        List<@Size(min = 1, max = 63) String> clients,
    @JsonPropertyDescription(
            "Which dates run. Missing: those without a run that has succeeded or has not ended. Failed: those whose newest run has failed. All: every date. A date that had a run gets another one. Default: Missing.")
        @Default("Missing")
        Reprocess reprocess,
    @JsonPropertyDescription("OldestFirst or NewestFirst. Default: OldestFirst.")
        @Default("OldestFirst")
        BackfillOrder order,
    @JsonPropertyDescription(
            "Priority of the runs: Critical, High, Normal or Low. A change applies to later runs. Default: Low.")
        @Default("Low")
        Priority priority,
    @JsonPropertyDescription(
            "Maximum number of runs of the backfill that wait or run at a time, from 1 to 1000. Default: 4.")
        @Default("4")
        @Min(1)
        @Max(1000)
        Integer maxConcurrentRuns,
    @JsonPropertyDescription("If true, the backfill creates no further runs. Default: false.")
        @Default("false")
        Boolean suspend) {

  private static final String DATE =
      "self.matches('^[0-9]{4}-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01])(T([01][0-9]|2[0-3])([0-5][0-9])?)?)?$')";

  private static final String DATE_MESSAGE =
      "start and end must be business dates, such as 2026-07, 2026-07-01, 2026-07-01T14 or 2026-07-01T1430.";

  public BackfillSpec {
    clients = List.copyOf(Objects.requireNonNullElse(clients, List.of()));
    reprocess = Objects.requireNonNullElse(reprocess, Reprocess.Missing);
    order = Objects.requireNonNullElse(order, BackfillOrder.OldestFirst);
    priority = Objects.requireNonNullElse(priority, Priority.Low);
    maxConcurrentRuns = Objects.requireNonNullElse(maxConcurrentRuns, 4);
    suspend = Objects.requireNonNullElse(suspend, false);
  }
}
