/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import io.luigioperator.api.PipelineRunSpec;
import io.luigioperator.api.PipelineRunStatus;
import java.time.Instant;
import java.util.Optional;

/**
 * A PipelineRun as the API server gave it.
 *
 * @param deleting it carries a deletionTimestamp
 * @param ours the operator created it, for a run accepted elsewhere
 * @param status empty, or the schema's default, before the operator has seen it
 */
public record RunObject(
    RunKey key,
    String uid,
    long generation,
    Instant createdAt,
    boolean deleting,
    boolean ours,
    PipelineRunSpec spec,
    Optional<PipelineRunStatus> status) {}
