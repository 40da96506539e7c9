/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import io.luigioperator.api.DesiredState;
import io.luigioperator.api.Priority;
import java.time.Instant;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * The mutable fields of one generation of a PipelineRun that the ledger stores. They are applied
 * together, once for each generation.
 */
public record Amendment(
    DesiredState desired,
    Priority priority,
    Optional<Instant> notBefore,
    OptionalLong startDeadlineSeconds,
    int maxAttempts) {}
