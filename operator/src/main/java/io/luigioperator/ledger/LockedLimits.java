/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import io.luigioperator.run.LimitTransitions;
import io.luigioperator.run.Run;
import io.luigioperator.run.ScheduleKey;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The schedules with a limit, among those that a transaction has locked before the keys of their
 * runs. They are locked in share mode: other transactions may change runs of the same schedule, but
 * none sets its limit, or releases runs because of it, at the same time. A schedule that has no row
 * yet cannot be locked: a run that is accepted while its first limit is set may become READY, and
 * the sweep holds it.
 */
final class LockedLimits {

  /** The schedule of one run, which itself is not locked by this. */
  static final String LOCK_OF_RUN =
      """
      SELECT schedule_id, max_runs FROM schedule
      WHERE schedule_id = (SELECT schedule_id FROM run WHERE run_id = :id) LOCK IN SHARE MODE
      """;

  /** In ascending order, whatever the order of the list. */
  static final String LOCK =
      """
      SELECT schedule_id, max_runs FROM schedule FORCE INDEX (PRIMARY)
      WHERE schedule_id IN (<schedules>) ORDER BY schedule_id LOCK IN SHARE MODE
      """;

  private final Set<String> limited;

  /**
   * @param limited ids of schedules
   */
  LockedLimits(Set<String> limited) {
    this.limited = limited;
  }

  /** Takes the next result, of rows with {@code schedule_id} and {@code max_runs}. */
  static LockedLimits of(Results found) {
    return new LockedLimits(
        found.all(LockedLimits::limited).stream()
            .flatMap(Optional::stream)
            .collect(Collectors.toSet()));
  }

  /** The id of the schedule, if it has a limit. */
  static Optional<String> limited(ResultSet row) throws SQLException {
    String id = row.getString("schedule_id");
    return Optional.ofNullable(row.getString("max_runs")).map(max -> id);
  }

  /** The values for {@link #LOCK}; a list in SQL cannot be empty. */
  static List<String> ids(Stream<Optional<ScheduleKey>> schedules) {
    List<String> ids = schedules.flatMap(Optional::stream).distinct().map(ScheduleKey::id).toList();
    return ids.isEmpty() ? List.of("") : ids;
  }

  /** What is accepted instead of this first row of a run. */
  Run accepted(Run run) {
    return isLimited(run) ? LimitTransitions.accepted(run) : run;
  }

  /** The result of a transition that does not know the limit. */
  Run changed(Run before, Run after) {
    return isLimited(after) ? LimitTransitions.changed(before, after) : after;
  }

  private boolean isLimited(Run run) {
    return run.definition()
        .scheduleKey()
        .map(ScheduleKey::id)
        .filter(limited::contains)
        .isPresent();
  }
}
