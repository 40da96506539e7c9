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
 * A PipelineRun as it was read.
 *
 * @param deleting it has a deletionTimestamp
 * @param createdByOperator for a run that was accepted in another cluster
 * @param status empty, or the default of the CRD, before the operator has written it
 */
public record RunObject(
    RunKey key,
    String uid,
    long generation,
    Instant createdAt,
    boolean deleting,
    boolean createdByOperator,
    PipelineRunSpec spec,
    Optional<PipelineRunStatus> status) {}
