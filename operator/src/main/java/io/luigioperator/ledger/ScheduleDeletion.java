/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import io.luigioperator.api.DeletionPolicy;
import io.luigioperator.ledger.ScheduleLedger.Deletion;
import io.luigioperator.ledger.Transactions.Opening;
import io.luigioperator.ledger.Transactions.Outcome;
import io.luigioperator.run.Run;
import io.luigioperator.run.ScheduleKey;
import io.luigioperator.run.WaitingTransitions;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiFunction;
import java.util.stream.Collectors;
import org.jdbi.v3.core.Handle;

/**
 * The transaction that gives up a deleted schedule. The commit that leaves the schedule without
 * owner has found no further run to cancel: no cron and no backfill creates one while the row of
 * the schedule is locked. So after a crash the owner continues.
 */
final class ScheduleDeletion {

  private static final Opening DELETED =
      Opening.of(
          """
          SELECT owner_cluster, deletion_policy FROM schedule
          WHERE schedule_id = :schedule FOR UPDATE
          """);

  static final String QUEUED_RUNS =
      """
      SELECT run_id, admit_key FROM run FORCE INDEX (run_queued_ticks)
      WHERE queued_ticks = :schedule ORDER BY run_id LIMIT :limit
      """;

  private static final Statements QUEUED = Statements.of(QUEUED_RUNS);

  private static final Statements LOCK = Statements.of(Locks.MUTEXES, Locks.RUNS, Locks.TIME);

  private record Owned(Optional<String> cluster, Optional<String> policy) {}

  private record Queued(String runId, String key) {}

  private final Transactions transactions;
  private final RowFilter filter;

  ScheduleDeletion(Transactions transactions, RowFilter filter) {
    this.transactions = transactions;
    this.filter = filter;
  }

  /** See {@link ScheduleLedger#deleted}. */
  Deletion deleted(ScheduleKey schedule, String cluster, String reason, String message) {
    return transactions.write(
        "deletion of schedule " + schedule,
        DELETED,
        q -> q.bind("schedule", schedule.id()),
        (h, found) -> {
          Optional<Owned> owned =
              found
                  .first(
                      row ->
                          new Owned(
                              Optional.ofNullable(row.getString("owner_cluster")),
                              Optional.ofNullable(row.getString("deletion_policy"))))
                  .filter(row -> row.cluster().filter(cluster::equals).isPresent());
          if (owned.isEmpty()) {
            return Outcome.unchanged(new Deletion(List.of(), true));
          }
          boolean cancels =
              owned.get().policy().filter(DeletionPolicy.CancelQueued.name()::equals).isPresent();
          List<Queued> queued = cancels ? queued(h, schedule) : List.of();
          List<Run> canceled =
              change(
                  h,
                  queued.stream().limit(ScheduleLedger.MAX_RUNS).toList(),
                  (run, now) -> WaitingTransitions.cancelQueued(run, reason, message, now));
          // rows of a newer version cannot be canceled, and do not keep the schedule
          boolean complete = canceled.isEmpty() || canceled.size() == queued.size();
          if (complete) {
            Schedules.SET_OWNER.run(
                h, q -> q.bind("owner", Optional.empty()).bind("schedule", schedule.id()));
          }
          Deletion deletion = new Deletion(canceled, complete);
          return canceled.isEmpty()
              ? Outcome.repeatable(deletion)
              : Outcome.changed(deletion, RunTransactions.wroteAny(canceled));
        });
  }

  /** One more than one commit changes. */
  private static List<Queued> queued(Handle h, ScheduleKey schedule) {
    return QUEUED.run(
        h,
        q -> q.bind("schedule", schedule.id()).bind("limit", ScheduleLedger.MAX_RUNS + 1),
        found -> found.all(row -> new Queued(row.getString("run_id"), row.getString("admit_key"))));
  }

  /** All keys are locked before all runs, each in ascending order. */
  private List<Run> change(
      Handle h, List<Queued> queued, BiFunction<Run, Instant, Optional<Run>> transition) {
    if (queued.isEmpty()) {
      return List.of();
    }
    Set<String> keys = queued.stream().map(Queued::key).collect(Collectors.toSet());
    List<Run> changed =
        LOCK.run(
            h,
            q ->
                q.bindList("keys", List.copyOf(keys))
                    .bindList("ids", queued.stream().map(Queued::runId).toList()),
            locked -> {
              locked.all(Locks::mutex);
              List<Run> runs = locked.all(filter, Rows::run);
              Instant now = locked.first(Locks::time).orElseThrow();
              return runs.stream()
                  .filter(run -> keys.contains(run.admitKey().value())) // else it is not locked
                  .flatMap(run -> transition.apply(run, now).stream())
                  .toList();
            });
    if (!changed.isEmpty()) {
      RunTransactions.storeAll(h, changed);
    }
    return changed;
  }
}
