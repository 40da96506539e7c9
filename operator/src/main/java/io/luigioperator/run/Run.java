/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import io.luigioperator.api.DesiredState;
import io.luigioperator.api.Priority;
import java.time.Instant;
import java.util.Optional;

/**
 * One run as the ledger stores it; every instant is database time. Fields that change together are
 * one record.
 *
 * @param nextKind the kind of the next attempt, or of the live one
 */
public record Run(
    Definition definition,
    StateDetails stateDetails,
    AttemptKind nextKind,
    DesiredState desired,
    Priority priority,
    Budget budget,
    Times times) {

  /**
   * The fields that never change after the run was accepted.
   *
   * @param businessDate empty for a pipeline without one
   * @param schedule name of the PipelineSchedule it refers to, empty for an inline pipeline
   * @param mutexKey the key that its RUN attempts hold: that of its client, or without a mutex a
   *     key for this run only
   * @param request the resolved request as JSON (see {@link RequestJson})
   * @param requestSha SHA-256, hex, of what the user asked for (see {@link RequestJson#hash}), not
   *     of {@code request}
   */
  public record Definition(
      RunKey key,
      String client,
      String businessDate,
      String schedule,
      AdmitKey mutexKey,
      String request,
      String requestSha,
      int hashVersion) {

    /** The PipelineSchedule it refers to; empty for an inline pipeline. */
    public Optional<ScheduleKey> scheduleKey() {
      return schedule.isEmpty()
          ? Optional.empty()
          : Optional.of(new ScheduleKey(key.namespace(), schedule));
    }
  }

  /**
   * The state of the run with its reason.
   *
   * @param reason why it waits or how it ended, in CamelCase; empty while READY, and while ACTIVE
   *     unless {@code cancel} is set
   * @param message the reason for people, at most 1024 characters
   * @param cancel set once and never cleared: no further pod of this run may start
   */
  public record StateDetails(RunState state, String reason, String message, boolean cancel) {}

  /**
   * The retry budget.
   *
   * @param claims how many attempts have begun; also the number of the newest one
   * @param counted RUN attempts the retry policy has counted, at most maxAttempts
   * @param infra attempts that ended with an infrastructure failure, at most maxInfra
   * @param uncounted attempts that ended with a verdict that does not count, at most {@link
   *     EndTransitions#MAX_UNCOUNTED}
   */
  public record Budget(
      int claims, int counted, int infra, int uncounted, int maxAttempts, int maxInfra) {

    Budget claimed(AttemptKind kind) {
      return new Budget(
          claims + 1, counted + counts(kind), infra, uncounted, maxAttempts, maxInfra);
    }

    /** As if the last attempt had not been counted. */
    Budget givenBack(AttemptKind kind) {
      return new Budget(claims, counted - counts(kind), infra, uncounted, maxAttempts, maxInfra);
    }

    private static int counts(AttemptKind kind) {
      return kind == AttemptKind.RUN ? 1 : 0;
    }

    Budget plusInfra() {
      return new Budget(claims, counted, infra + 1, uncounted, maxAttempts, maxInfra);
    }

    Budget plusUncounted() {
      return new Budget(claims, counted, infra, uncounted + 1, maxAttempts, maxInfra);
    }

    Budget withMaxAttempts(int max) {
      return new Budget(claims, counted, infra, uncounted, Math.max(max, counted), maxInfra);
    }
  }

  /**
   * @param admitAt virtual start: ascending order is priority with ageing
   * @param notBefore no attempt is claimed earlier; the user's notBeforeTime or the end of the
   *     operator's backoff. A DELAYED run becomes READY then; READY and HELD runs keep it.
   * @param startDeadline a run that still waits for its first attempt then fails
   * @param startedAt when the first attempt was bound
   */
  public record Times(
      Instant acceptedAt,
      Instant admitAt,
      Optional<Instant> notBefore,
      Optional<Instant> startDeadline,
      Optional<Instant> startedAt,
      Optional<Instant> finishedAt) {

    /** The earliest time at which the run can have become READY. */
    Instant readySince() {
      return notBefore.filter(t -> t.isAfter(acceptedAt)).orElse(acceptedAt);
    }

    Times withAdmitAt(Instant t) {
      return new Times(acceptedAt, t, notBefore, startDeadline, startedAt, finishedAt);
    }

    Times withNotBefore(Optional<Instant> t) {
      return new Times(acceptedAt, admitAt, t, startDeadline, startedAt, finishedAt);
    }

    Times withStartDeadline(Optional<Instant> t) {
      return new Times(acceptedAt, admitAt, notBefore, t, startedAt, finishedAt);
    }

    Times started(Instant t) {
      return new Times(
          acceptedAt,
          admitAt,
          notBefore,
          startDeadline,
          startedAt.or(() -> Optional.of(t)),
          finishedAt);
    }

    Times finished(Instant t) {
      return new Times(acceptedAt, admitAt, notBefore, startDeadline, startedAt, Optional.of(t));
    }
  }

  public RunKey key() {
    return definition.key();
  }

  public AdmitKey mutexKey() {
    return definition.mutexKey();
  }

  /** The key under which it waits for its next attempt, or which its live attempt holds. */
  public AdmitKey admitKey() {
    return nextKind.admitKey(key(), mutexKey());
  }

  public RunState state() {
    return stateDetails.state();
  }

  public boolean cancel() {
    return stateDetails.cancel();
  }

  /** Whether an admission pass may claim it. */
  public boolean isClaimable() {
    return state() == RunState.READY && !cancel();
  }

  /**
   * Whether this object, which has the name of this run, requests this run and not another one.
   *
   * @param recorded the object that the ledger has on record for this run in that cluster
   */
  public boolean isRequestedBy(RunObject object, Optional<ObjectRecord> recorded) {
    return recorded.filter(r -> r.isOf(object)).isPresent()
        || object.asksFor(definition.requestSha());
  }

  /** The start deadline of a run that still waits for its first attempt; empty for any other. */
  Optional<Instant> startDeadlineWhileWaiting() {
    return times.startDeadline().filter(t -> isWaiting() && times.startedAt().isEmpty());
  }

  /** Whether it waits for an attempt: it has neither a live one nor ended. */
  boolean isWaiting() {
    return switch (state()) {
      case READY, DELAYED, HELD -> true;
      case ACTIVE, SUCCEEDED, FAILED, CANCELED -> false;
    };
  }

  /**
   * Whether it counts against maxConcurrentRuns of its schedule: it may take a slot, has one, or
   * backs off and then takes the next one. What this means for the table {@code run} is repeated in
   * its column {@code limit_state}.
   */
  public boolean countsAgainstLimit() {
    return switch (state()) {
      case READY, ACTIVE -> true;
      case DELAYED -> stateDetails.reason().equals(Reasons.BACKING_OFF);
      case HELD, SUCCEEDED, FAILED, CANCELED -> false;
    };
  }

  /** Whether it waits until fewer runs count against maxConcurrentRuns of its schedule. */
  public boolean waitsForLimit() {
    return state() == RunState.HELD && stateDetails.reason().equals(Reasons.SCHEDULE_LIMIT);
  }

  /** Whether it waits and has not started, or is held: not if only a limit holds a retry back. */
  boolean isQueued() {
    return isWaiting() && times.startedAt().isEmpty()
        || state() == RunState.HELD && !waitsForLimit();
  }

  boolean isPastStartDeadline(Instant now) {
    return startDeadlineWhileWaiting().filter(t -> !now.isBefore(t)).isPresent();
  }

  /** The run in a final state. */
  Run ended(RunState state, String reason, String message, Instant now) {
    return with(state, reason, message).with(times.finished(now));
  }

  /** The run in the state CANCELED, with the reason that was recorded with the cancel flag. */
  Run canceled(Instant now) {
    return ended(RunState.CANCELED, stateDetails.reason(), stateDetails.message(), now);
  }

  Run with(RunState state, String reason, String message) {
    return with(new StateDetails(state, reason, message, stateDetails.cancel()));
  }

  Run with(StateDetails s) {
    return new Run(definition, s, nextKind, desired, priority, budget, times);
  }

  Run with(Budget b) {
    return new Run(definition, stateDetails, nextKind, desired, priority, b, times);
  }

  Run with(Times t) {
    return new Run(definition, stateDetails, nextKind, desired, priority, budget, t);
  }

  Run withDesired(DesiredState d, Priority p) {
    return new Run(definition, stateDetails, nextKind, d, p, budget, times);
  }

  Run withNextKind(AttemptKind kind) {
    return new Run(definition, stateDetails, kind, desired, priority, budget, times);
  }
}
