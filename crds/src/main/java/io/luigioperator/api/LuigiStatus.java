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

/** Tasks of the tree, as the newest attempt counts them. */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record LuigiStatus(
    @JsonPropertyDescription("Tasks in the tree.") @Min(0) @Nullable Integer total,
    @JsonPropertyDescription("Tasks that were complete before the attempt began.") @Min(0)
        @Nullable Integer complete,
    @JsonPropertyDescription("Tasks that ran and succeeded.") @Min(0) @Nullable Integer ran,
    @JsonPropertyDescription("Tasks that failed.") @Min(0) @Nullable Integer failed,
    @JsonPropertyDescription("Tasks that were not run yet.") @Min(0) @Nullable Integer pending,
    @JsonPropertyDescription("Complete tasks of all, such as 12/40.") @Size(max = 32)
        @Nullable String progress,
    @JsonPropertyDescription("Names of up to 10 failed tasks.")
        @JsonInclude(JsonInclude.Include.NON_EMPTY)
        @Size(max = 10)
        List<@Size(max = 255) String> failedTasks) {
  public LuigiStatus {
    failedTasks = List.copyOf(Objects.requireNonNullElse(failedTasks, List.of()));
  }
}
