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

/** How the business date of a run follows from the local time of its cron. */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record BusinessDateSpec(
    @JsonPropertyDescription(
            "Unit of the business date: Month (2026-11), Day (2026-11-28), Hour (2026-11-28T14) or Minute (2026-11-28T1430). Each business date runs once for each client, also if several cron times belong to it. Default: Day.")
        @Default("Day")
        DateUnit unit,
    @JsonPropertyDescription(
            "Units that are added to the local time of the cron, from -1000 to 1000. With unit Day, the run at midnight of November 28 has the business date November 28 with offset 0, and November 27 with offset -1. Default: -1.")
        @Default("-1")
        @Min(-1000)
        @Max(1000)
        Integer offset) {
  public BusinessDateSpec {
    unit = Objects.requireNonNullElse(unit, DateUnit.Day);
    offset = Objects.requireNonNullElse(offset, -1);
  }

  static final BusinessDateSpec DEFAULT = new BusinessDateSpec(DateUnit.Day, -1);
}
