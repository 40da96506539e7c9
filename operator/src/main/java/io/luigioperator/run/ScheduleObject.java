/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import io.luigioperator.api.PipelineScheduleSpec;

/** A PipelineSchedule as the API server gave it. */
public record ScheduleObject(
    String namespace, String name, long generation, PipelineScheduleSpec spec) {}
