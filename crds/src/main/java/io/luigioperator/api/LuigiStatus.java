/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Min;
import io.fabric8.generator.annotation.Size;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Tasks of the dependency tree, as the newest attempt with a report counted them. */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record LuigiStatus(
    @JsonPropertyDescription("Number of tasks in the dependency tree.") @Min(0)
        @Nullable Integer total,
    @JsonPropertyDescription("Number of tasks that were already complete when the attempt started.")
        @Min(0)
        @Nullable Integer complete,
    @JsonPropertyDescription("Number of tasks that ran successfully in the attempt.") @Min(0)
        @Nullable Integer ran,
    @JsonPropertyDescription("Number of tasks that failed in the attempt.") @Min(0)
        @Nullable Integer failed,
    @JsonPropertyDescription("Number of tasks that have not run.") @Min(0)
        @Nullable Integer pending,
    @JsonPropertyDescription("Number of complete tasks and of all tasks, such as 12/40.")
        @Size(max = 32)
        @Nullable String progress,
    @JsonPropertyDescription("Names of at most 10 failed tasks.")
        @JsonInclude(JsonInclude.Include.NON_EMPTY)
        @Size(max = 10)
        List<@Size(max = 255) String> failedTasks) {
  public LuigiStatus {
    failedTasks = List.copyOf(Objects.requireNonNullElse(failedTasks, List.of()));
  }
}
