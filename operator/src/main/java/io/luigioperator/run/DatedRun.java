/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import java.time.Instant;
import java.util.Optional;

/**
 * A run of a client of a schedule for a business date. A user or the schedule created it.
 *
 * @param businessDate not empty
 * @param reason why it waits or how it ended, in CamelCase; empty while READY or ACTIVE
 * @param message the reason for people
 * @param finishedAt empty until it has ended
 */
public record DatedRun(
    String businessDate,
    RunKey key,
    RunState state,
    String reason,
    String message,
    Optional<Instant> finishedAt) {}
