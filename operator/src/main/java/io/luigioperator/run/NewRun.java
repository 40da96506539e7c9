/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import io.luigioperator.api.DesiredState;
import io.luigioperator.api.Priority;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.SortedSet;
import java.util.TreeSet;

/**
 * What a run is accepted with. It is resolved once; later changes of a schedule do not affect it.
 *
 * @param mutexKey the key that its RUN attempts hold
 * @param firstKind of its first attempt
 * @param startDeadlineSeconds counted from acceptance or notBefore, whichever is later
 * @param requestSha SHA-256 of the canonical request, hex, never of the resolved block
 */
public record NewRun(
    RunKey key,
    String client,
    String businessDate,
    String schedule,
    AdmitKey mutexKey,
    AttemptKind firstKind,
    DesiredState desired,
    Priority priority,
    Optional<Instant> notBefore,
    OptionalLong startDeadlineSeconds,
    int maxAttempts,
    int maxInfra,
    String request,
    String requestSha,
    int hashVersion) {

  /** The keys that its attempts hold one after the other, in ascending order. */
  public SortedSet<AdmitKey> admitKeys() {
    return new TreeSet<>(List.of(mutexKey, firstKind.admitKey(key, mutexKey)));
  }
}
