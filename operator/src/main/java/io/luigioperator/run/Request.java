/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import io.luigioperator.api.PipelineRunSpec;
import io.luigioperator.api.PipelineSpec;
import io.luigioperator.api.Priority;
import io.luigioperator.api.RerunMode;
import java.util.Collections;
import java.util.Objects;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * What a run computes, resolved once at accept: retries and held runs keep it, whatever happens to
 * the schedule meanwhile.
 *
 * @param asked the spec as its author wrote it, so that another cluster can make the same object
 * @param pipeline the block in force when the run was accepted
 * @param parameters all Luigi parameters of the root, date and client among them
 * @param scheduleGeneration of the PipelineSchedule the block came from, 0 for an inline pipeline
 * @param defaultPriority of a run that asks for none: the schedule's, or Normal, which is also what
 *     a stored request without it means
 */
public record Request(
    PipelineRunSpec asked,
    PipelineSpec pipeline,
    SortedMap<String, String> parameters,
    long scheduleGeneration,
    RerunMode mode,
    Priority defaultPriority) {

  public Request {
    parameters = Collections.unmodifiableSortedMap(new TreeMap<>(parameters));
    defaultPriority = Objects.requireNonNullElse(defaultPriority, Priority.Normal);
  }

  /** The retry policy's times; its budgets stand in the row. */
  public RetryPolicy retryPolicy() {
    return RetryPolicy.of(pipeline.retry());
  }
}
