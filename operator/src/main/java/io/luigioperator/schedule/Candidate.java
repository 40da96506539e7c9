/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.schedule;

import java.time.Instant;
import java.time.LocalDateTime;
import org.jspecify.annotations.Nullable;

/**
 * A tick: an instant at which the crons of a client name a business date.
 *
 * @param nominal when the tick is due, without jitter
 * @param scheduled the local time that the cron names; in a gap it differs from the local time of
 *     {@code nominal}
 * @param businessDate what the run computes, in the form of the field date of a PipelineRun
 * @param skip why this tick cannot start a run; null if it can
 * @param note what a change of the clock does to it
 */
public record Candidate(
    Instant nominal,
    LocalDateTime scheduled,
    String businessDate,
    @Nullable SkipReason skip,
    DstNote note) {}
