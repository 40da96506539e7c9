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
 * What accept needs to know, resolved once and for ever.
 *
 * @param startDeadlineSeconds counted from acceptance or notBefore, whichever is later
 * @param requestSha SHA-256 of the canonical request, hex, never of the resolved block
 */
public record NewRun(
    RunKey key,
    String client,
    String businessDate,
    String schedule,
    AdmitKey admitKey,
    DesiredState desired,
    Priority priority,
    Optional<Instant> notBefore,
    OptionalLong startDeadlineSeconds,
    int maxAttempts,
    int maxInfra,
    String request,
    String requestSha,
    int hashVersion) {}
