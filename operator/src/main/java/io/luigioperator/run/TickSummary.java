/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * What the status of a schedule shows of its ticks and clients.
 *
 * @param applied the generation of the schedule that all this is about; empty if the schedule has
 *     not been looked at yet
 * @param next the next cron time of a client that is not suspended
 * @param last the newest cron time that fired a business date
 * @param suspended clients that are suspended
 * @param invalid clients whose cron times are not decided because of a problem
 * @param problem the first one of them, by client
 * @param health of the clients; empty until it is known
 * @param backfills those of the spec
 */
public record TickSummary(
    Optional<Applied> applied,
    Optional<Instant> next,
    Optional<Instant> last,
    int suspended,
    int invalid,
    Optional<Problem> problem,
    Optional<HealthSummary> health,
    List<BackfillProgress> backfills) {
  public TickSummary {
    backfills = List.copyOf(backfills);
  }

  /** A generation of a PipelineSchedule. */
  public record Applied(String uid, long generation) {

    public static Applied of(ScheduleObject schedule) {
      return new Applied(schedule.uid(), schedule.generation());
    }
  }

  /**
   * Why no cron time is decided.
   *
   * @param reason of the condition Ready
   * @param message for people, with what to do
   */
  public record Problem(String reason, String message) {}

  /**
   * A backfill.
   *
   * @param state as in the status
   * @param processed dates of all clients that are processed
   * @param total dates of all clients
   * @param active runs that have not ended
   * @param failed runs that have failed or were canceled
   * @param message why it is invalid, or dates of a client are skipped
   */
  public record BackfillProgress(
      String name,
      String state,
      long processed,
      long total,
      long active,
      long succeeded,
      long failed,
      long skipped,
      Optional<String> message) {}

  /** Of a schedule that has not been looked at yet. */
  public static final TickSummary EMPTY =
      new TickSummary(
          Optional.empty(),
          Optional.empty(),
          Optional.empty(),
          0,
          0,
          Optional.empty(),
          Optional.empty(),
          List.of());

  /** Of a schedule without crons. */
  public static TickSummary withoutCrons(ScheduleObject schedule) {
    return new TickSummary(
        Optional.of(Applied.of(schedule)),
        Optional.empty(),
        Optional.empty(),
        0,
        0,
        Optional.empty(),
        Optional.empty(),
        List.of());
  }

  /** The same with what is known about the clients. */
  public TickSummary with(Optional<HealthSummary> known) {
    return new TickSummary(applied, next, last, suspended, invalid, problem, known, backfills);
  }

  /** Whether it is about this generation of the object, or about a later one. */
  boolean isAbout(ScheduleObject schedule) {
    return applied
        .filter(a -> a.uid().equals(schedule.uid()) && a.generation() >= schedule.generation())
        .isPresent();
  }
}
