/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import io.luigioperator.ledger.Transactions.Outcome;
import io.luigioperator.run.Ageing;
import io.luigioperator.run.AmendTransition;
import io.luigioperator.run.Amendment;
import io.luigioperator.run.NewRun;
import io.luigioperator.run.ObjectRecord;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.WaitingTransitions;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Optional;
import org.jdbi.v3.core.Handle;

/** Transactions that change a run and none of its attempts. */
final class Runs implements RunLedger {

  private final Transactions transactions;
  private final RunTransactions runTransactions;
  private final Queries queries;
  private final Ageing ageing;

  Runs(Transactions transactions, RunTransactions runTransactions, Queries queries, Ageing ageing) {
    this.transactions = transactions;
    this.runTransactions = runTransactions;
    this.queries = queries;
    this.ageing = ageing;
  }

  @Override
  public List<Acceptance> accept(List<AcceptRequest> requests) {
    return requests.stream().map(r -> accept(r.run(), r.object())).toList();
  }

  private Acceptance accept(NewRun run, ObjectRecord object) {
    NewRun rounded = withMicros(run);
    try {
      return transactions.write("accept of run " + run.key(), h -> accept(h, rounded, object));
    } catch (StatementRefused e) {
      // accepted a moment ago under another key: two keys' locks do not exclude each other
      Optional<Run> winner = e.isDuplicate() ? queries.run(run.key()) : Optional.empty();
      return winner
          .map(w -> compared(w, run))
          .orElseGet(() -> new Acceptance.Refused(run.key(), String.valueOf(e.getMessage())));
    }
  }

  private Outcome<Acceptance> accept(Handle h, NewRun run, ObjectRecord object) {
    Optional<Run> known = Queries.run(h, run.key());
    if (known.isPresent()) {
      return Outcome.unchanged(compared(known.get(), run));
    }
    Locks.barrier(h);
    run.admitKeys().forEach(key -> Locks.newMutex(h, key));
    Optional<Run> meanwhile = Queries.run(h, run.key());
    if (meanwhile.isPresent()) {
      return Outcome.unchanged(compared(meanwhile.get(), run));
    }
    Run accepted = WaitingTransitions.accept(run, ageing, Queries.now(h));
    Rows.insert(h, accepted);
    record(h, run.key(), object);
    RunTransactions.settleKey(h, accepted);
    return Outcome.changed(new Acceptance.Accepted(accepted), RunTransactions.wrote(accepted));
  }

  private static Acceptance compared(Run known, NewRun asked) {
    return known.origin().requestSha().equals(asked.requestSha())
        ? new Acceptance.Same(known)
        : new Acceptance.NameTaken(known);
  }

  @Override
  public void recordObject(RunKey run, ObjectRecord object) {
    runTransactions.update(
        "object record",
        run,
        false,
        l -> {
          record(l.h(), run, object);
          return Outcome.repeatable(true);
        });
  }

  private static void record(Handle h, RunKey run, ObjectRecord object) {
    h.createUpdate(
            """
            INSERT INTO run_object (run_id, cluster_id, uid, applied_generation)
            VALUES (:run, :cluster, :uid, :generation)
            ON DUPLICATE KEY UPDATE uid = :uid, applied_generation = :generation
            """)
        .bind("run", run.id())
        .bind("cluster", object.clusterId())
        .bind("uid", object.uid())
        .bind("generation", object.appliedGeneration())
        .execute();
  }

  @Override
  public Optional<Run> amend(RunKey run, String clusterId, long generation, Amendment amendment) {
    Amendment rounded = withMicros(amendment);
    return runTransactions.update(
        "amendment",
        run,
        Optional.empty(),
        l -> {
          int applied =
              l.h()
                  .createUpdate(
                      """
                      UPDATE run_object SET applied_generation = :generation
                      WHERE run_id = :run AND cluster_id = :cluster
                        AND applied_generation < :generation
                      """)
                  .bind("run", run.id())
                  .bind("cluster", clusterId)
                  .bind("generation", generation)
                  .execute();
          if (applied == 0) {
            return Outcome.unchanged(Optional.empty());
          }
          // also of a run that it does not change: the generation is applied all the same
          Run next = AmendTransition.amend(l.run(), rounded, ageing, l.now()).orElse(l.run());
          RunTransactions.store(l.h(), next);
          return Outcome.changed(Optional.of(next), h -> hasApplied(h, run, clusterId, generation));
        });
  }

  private static boolean hasApplied(Handle h, RunKey run, String clusterId, long generation) {
    return h.createQuery(
            """
            SELECT 1 FROM run_object WHERE run_id = :run AND cluster_id = :cluster
              AND applied_generation = :generation LOCK IN SHARE MODE
            """)
        .bind("run", run.id())
        .bind("cluster", clusterId)
        .bind("generation", generation)
        .mapTo(Integer.class)
        .findOne()
        .isPresent();
  }

  @Override
  public Optional<Run> cancel(RunKey run, String reason, String message) {
    return runTransactions.updateRun(
        "cancel", run, l -> WaitingTransitions.cancel(l.run(), reason, message, l.now()));
  }

  @Override
  public Optional<Run> hold(RunKey run, String reason, String message) {
    return runTransactions.updateRun(
        "hold", run, l -> WaitingTransitions.hold(l.run(), reason, message));
  }

  @Override
  public Optional<Run> release(RunKey run, String reason) {
    return runTransactions.updateRun(
        "release", run, l -> WaitingTransitions.release(l.run(), reason, ageing, l.now()));
  }

  // ---- the database keeps microseconds, so a row equals what was written

  private static NewRun withMicros(NewRun n) {
    return new NewRun(
        n.key(),
        n.client(),
        n.businessDate(),
        n.schedule(),
        n.mutexKey(),
        n.firstKind(),
        n.desired(),
        n.priority(),
        n.notBefore().map(Runs::micros),
        n.startDeadlineSeconds(),
        n.maxAttempts(),
        n.maxInfra(),
        n.request(),
        n.requestSha(),
        n.hashVersion());
  }

  private static Amendment withMicros(Amendment a) {
    return new Amendment(
        a.desired(),
        a.priority(),
        a.notBefore().map(Runs::micros),
        a.startDeadlineSeconds(),
        a.maxAttempts());
  }

  private static Instant micros(Instant t) {
    return t.truncatedTo(ChronoUnit.MICROS);
  }
}
