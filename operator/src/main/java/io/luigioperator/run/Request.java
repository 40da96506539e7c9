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
 * What a run computes. It is resolved once, when the run is accepted: retries and held runs keep it
 * when the schedule changes.
 *
 * @param asked the spec of the PipelineRun, from which another cluster can create the same object
 * @param pipeline as it was when the run was accepted
 * @param parameters all Luigi parameters of the root task, with date and client
 * @param scheduleGeneration of the PipelineSchedule the pipeline came from, 0 if it is inline
 * @param defaultPriority for a spec without a priority: that of the schedule, or Normal; also
 *     Normal in a stored request without this field
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

  /** The times of the retry policy; its budgets are in the run's row. */
  public RetryPolicy retryPolicy() {
    return RetryPolicy.of(pipeline.retry());
  }
}
