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
 * A run to be accepted. It is resolved once; later changes of its schedule do not affect it.
 *
 * @param mutexKey the key that its RUN attempts hold
 * @param firstKind of its first attempt
 * @param startDeadlineSeconds counted from acceptance or notBefore, whichever is later
 * @param request the resolved request as JSON (see {@link RequestJson})
 * @param requestSha SHA-256, hex, of what the user asked for (see {@link RequestJson#hash}), not of
 *     {@code request}: two objects that ask for the same run have the same one
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

  /** The PipelineSchedule it refers to; empty for an inline pipeline. */
  public Optional<ScheduleKey> scheduleKey() {
    return schedule.isEmpty()
        ? Optional.empty()
        : Optional.of(new ScheduleKey(key.namespace(), schedule));
  }

  /** The keys that its attempts can hold, in ascending order. */
  public SortedSet<AdmitKey> admitKeys() {
    return new TreeSet<>(List.of(mutexKey, firstKind.admitKey(key, mutexKey)));
  }
}
