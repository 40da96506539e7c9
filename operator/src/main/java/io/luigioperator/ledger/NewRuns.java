/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import io.luigioperator.run.AdmitKey;
import io.luigioperator.run.Ageing;
import io.luigioperator.run.NewRun;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.WaitingTransitions;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.statement.Query;

/** The steps by which new runs enter the tables, as part of a transaction. */
final class NewRuns {

  /**
   * The rows of all keys are inserted or locked in ascending order, before the runs are read. With
   * no lock of their keys in common, two transactions may still insert the same run: the primary
   * key lets one of them fail.
   */
  static final String LOCK_KEYS =
      """
      INSERT INTO client_mutex (admit_key) VALUES <keys>
      ON DUPLICATE KEY UPDATE admit_key = admit_key
      """;

  static final String READ_EXISTING =
      "SELECT UTC_TIMESTAMP(6) AS db_now, "
          + Rows.RUN_COLUMNS
          + " FROM (SELECT 1) AS one LEFT JOIN run r ON r.run_id IN (<ids>)";

  private static final Statements LOCK = Statements.of(LOCK_KEYS, READ_EXISTING);

  /** A key that was inserted for a request without a new, waiting run. */
  private static final Statements DELETE_UNUSED =
      Statements.of(
          """
          DELETE FROM client_mutex
          WHERE admit_key = :key AND fence = 0 AND holder_run IS NULL
            AND NOT EXISTS (SELECT 1 FROM run r
              WHERE r.admit_key = client_mutex.admit_key AND r.state NOT IN ({FINAL}))
          """);

  private NewRuns() {}

  /**
   * The runs that have a row under the name of a new one.
   *
   * @param unreadable runs with a value that only a newer version knows, and which
   * @param now database time, taken with the keys locked
   */
  record Existing(Map<RunKey, Run> runs, Map<RunKey, String> unreadable, Instant now) {}

  static Query bindKeys(Query q, Collection<NewRun> runs) {
    return q.bindMethodsList("keys", keysOf(runs), List.of("value"))
        .bindList("ids", runs.stream().map(run -> run.key().id()).distinct().toList());
  }

  /** Takes the result of {@link #READ_EXISTING}. */
  static Existing existing(Results found, RowFilter filter) {
    Map<RunKey, Run> known = new HashMap<>();
    Map<RunKey, String> unreadable = new HashMap<>();
    List<Instant> times =
        found.all(
            row -> {
              if (row.getString("name") != null) {
                RunKey key = new RunKey(row.getString("namespace"), row.getString("name"));
                filter
                    .read(row, Rows::run, problem -> unreadable.put(key, problem))
                    .ifPresent(run -> known.put(key, run));
              }
              return Locks.time(row);
            });
    return new Existing(known, unreadable, times.getFirst());
  }

  /** Locks the keys of at least one run within a transaction that has begun. */
  static Existing lock(Handle h, Collection<NewRun> runs, RowFilter filter) {
    return LOCK.run(h, q -> bindKeys(q, runs), found -> existing(found, filter));
  }

  /**
   * The waiting runs for those that have no row, each accepted a microsecond after the one before:
   * with equal times, a hash of the name would decide which of a client's runs starts first.
   */
  static List<Run> accept(
      List<NewRun> runs, Existing existing, Ageing ageing, LockedLimits limits) {
    List<Run> accepted = new ArrayList<>();
    for (NewRun run : runs) {
      if (!existing.runs().containsKey(run.key())) {
        Instant at = existing.now().plus(accepted.size(), ChronoUnit.MICROS);
        accepted.add(limits.accepted(WaitingTransitions.accept(run, ageing, at)));
      }
    }
    return accepted;
  }

  /**
   * Deletes the keys that {@link #LOCK_KEYS} has inserted for runs that are not stored, or that
   * have ended.
   */
  static void deleteUnusedKeys(Handle h, Collection<NewRun> locked, Collection<Run> stored) {
    TreeSet<AdmitKey> unused = new TreeSet<>(keysOf(locked));
    for (Run run : stored) {
      if (!run.state().isFinal()) {
        unused.remove(run.admitKey());
        unused.remove(run.mutexKey());
      }
    }
    unused.forEach(key -> DELETE_UNUSED.run(h, q -> q.bind("key", key.value())));
  }

  private static List<AdmitKey> keysOf(Collection<NewRun> runs) {
    return List.copyOf(
        runs.stream()
            .flatMap(run -> run.admitKeys().stream())
            .collect(Collectors.toCollection(TreeSet::new)));
  }

  /** Names for the rows of one statement. */
  static List<String> prefixes(String letter, int count) {
    return IntStream.range(0, count).mapToObj(i -> prefix(letter, i)).toList();
  }

  static String prefix(String letter, int i) {
    return letter + i + "_";
  }

  // ---- the database keeps microseconds; rounded first, a row equals what was written

  static NewRun withMicros(NewRun n) {
    return new NewRun(
        n.key(),
        n.client(),
        n.businessDate(),
        n.schedule(),
        n.mutexKey(),
        n.firstKind(),
        n.desired(),
        n.priority(),
        n.notBefore().map(NewRuns::micros),
        n.startDeadlineSeconds(),
        n.maxAttempts(),
        n.maxInfra(),
        n.request(),
        n.requestSha(),
        n.hashVersion());
  }

  static Instant micros(Instant t) {
    return t.truncatedTo(ChronoUnit.MICROS);
  }
}
