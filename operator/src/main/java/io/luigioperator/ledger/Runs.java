/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import io.luigioperator.ledger.Locks.Mutex;
import io.luigioperator.ledger.RunTransactions.Locked;
import io.luigioperator.ledger.Transactions.CommitCheck;
import io.luigioperator.ledger.Transactions.Opening;
import io.luigioperator.ledger.Transactions.Outcome;
import io.luigioperator.run.Ageing;
import io.luigioperator.run.AmendTransition;
import io.luigioperator.run.Amendment;
import io.luigioperator.run.NewRun;
import io.luigioperator.run.ObjectRecord;
import io.luigioperator.run.Reasons;
import io.luigioperator.run.RecordedOutcome;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.WaitingTransitions;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.TreeMap;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.statement.Query;

/** Transactions that change a run and none of its attempts. */
final class Runs implements RunLedger {

  /** Runs accepted in one commit. */
  static final int BATCH = 50;

  /** Characters of requests accepted in one commit, so that no packet is larger than allowed. */
  private static final int BATCH_CHARACTERS = 2_000_000;

  private static final Opening ACCEPT =
      Opening.of(LockedLimits.LOCK, NewRuns.LOCK_KEYS, NewRuns.READ_EXISTING);

  private static final List<String> OBJECT_COLUMNS =
      List.of(
          "run_id", "cluster_identity", "uid", "applied_generation", "created_at", "by_operator");

  private static final Statements STORE_ONE = storeNew(1);

  private static Statements storeNew(int runs) {
    return Statements.of(
        Rows.insertRuns(NewRuns.prefixes("r", runs)),
        Rows.insert("run_object", OBJECT_COLUMNS, NewRuns.prefixes("o", runs)),
        RunTransactions.REFRESH_KEYS);
  }

  private static final Statements ACCEPTED =
      Statements.of(
          """
          SELECT 1 FROM run WHERE run_id = :id AND request_sha = :sha AND accepted_at = :accepted
          LOCK IN SHARE MODE
          """);

  private static final Statements RECORD_OBJECT =
      Statements.of(
          """
          INSERT INTO run_object
            (run_id, cluster_identity, uid, applied_generation, created_at, by_operator)
          VALUES (:run_id, :cluster_identity, :uid, :applied_generation, :created_at, :by_operator)
          ON DUPLICATE KEY UPDATE uid = :uid, applied_generation = :applied_generation,
            created_at = :created_at, by_operator = :by_operator
          """);

  private static final Statements FORGET_OBJECT =
      Statements.of(
          """
          DELETE FROM run_object
          WHERE run_id = :run_id AND cluster_identity = :cluster_identity AND uid = :uid
          """);

  private static final Opening AMEND =
      Opening.of(
          LockedLimits.LOCK_OF_RUN,
          Locks.MUTEX_OF_RUN,
          Locks.RUN,
          Locks.TIME,
          """
          SELECT applied_generation FROM run_object
          WHERE run_id = :id AND cluster_identity = :cluster FOR UPDATE
          """);

  private static final Statements APPLY_GENERATION =
      Statements.of(
          """
          UPDATE run_object SET applied_generation = :generation
          WHERE run_id = :id AND cluster_identity = :cluster
          """);

  private static final Statements APPLIED_GENERATION =
      Statements.of(
          """
          SELECT applied_generation FROM run_object
          WHERE run_id = :id AND cluster_identity = :cluster LOCK IN SHARE MODE
          """);

  private final Transactions transactions;
  private final RunTransactions runTransactions;
  private final Queries queries;
  private final RowFilter filter;
  private final Ageing ageing;

  Runs(
      Transactions transactions,
      RunTransactions runTransactions,
      Queries queries,
      RowFilter filter,
      Ageing ageing) {
    this.transactions = transactions;
    this.runTransactions = runTransactions;
    this.queries = queries;
    this.filter = filter;
    this.ageing = ageing;
  }

  // ---- accept

  private record NewRow(Run run, ObjectRecord object) {}

  @Override
  public List<Acceptance> accept(List<AcceptRequest> requests) {
    List<Acceptance> answers = new ArrayList<>();
    for (List<AcceptRequest> batch : batches(requests)) {
      answers.addAll(acceptBatch(batch));
    }
    return answers;
  }

  private static List<List<AcceptRequest>> batches(List<AcceptRequest> requests) {
    List<List<AcceptRequest>> batches = new ArrayList<>();
    List<AcceptRequest> batch = new ArrayList<>();
    int characters = 0;
    for (AcceptRequest request : requests) {
      int more = request.run().request().length();
      if (batch.size() == BATCH || !batch.isEmpty() && characters + more > BATCH_CHARACTERS) {
        batches.add(batch);
        batch = new ArrayList<>();
        characters = 0;
      }
      batch.add(request);
      characters += more;
    }
    if (!batch.isEmpty()) {
      batches.add(batch);
    }
    return batches;
  }

  /** Data that MySQL refuses make the batch fail; then each of its requests is tried alone. */
  private List<Acceptance> acceptBatch(List<AcceptRequest> batch) {
    boolean single = batch.size() == 1;
    try {
      return transactions.write(
          "accept of run " + batch.getFirst().run().key() + (single ? "" : " and others"),
          ACCEPT,
          q ->
              NewRuns.bindKeys(q, batch.stream().map(AcceptRequest::run).toList())
                  .bindList(
                      "schedules",
                      LockedLimits.ids(batch.stream().map(r -> r.run().scheduleKey()))),
          (h, found) -> accept(h, found, batch));
    } catch (StatementRefused e) {
      return single
          ? List.of(refused(batch.getFirst().run(), e))
          : batch.stream().map(request -> acceptBatch(List.of(request)).getFirst()).toList();
    }
  }

  private Outcome<List<Acceptance>> accept(Handle h, Results found, List<AcceptRequest> batch) {
    LockedLimits limits = LockedLimits.of(found);
    NewRuns.Existing existing = NewRuns.existing(found, filter);
    Map<RunKey, Run> known = existing.runs();
    List<Acceptance> answers = new ArrayList<>();
    // inserted in the order of their keys, so that two batches do not wait for each other
    SequencedMap<String, NewRow> accepted = new TreeMap<>();
    for (AcceptRequest request : batch) {
      NewRun asked = NewRuns.withMicros(request.run());
      Run before = known.get(asked.key());
      String problem = existing.unreadable().get(asked.key());
      if (before != null) {
        answers.add(compared(before, asked));
        continue;
      }
      if (problem != null) {
        answers.add(new Acceptance.Refused(asked.key(), problem));
        continue;
      }
      Run run = limits.accepted(newRow(asked, request.outcome(), existing.now()));
      known.put(run.key(), run);
      accepted.put(run.key().id(), new NewRow(run, request.object()));
      answers.add(new Acceptance.Accepted(run));
    }
    if (accepted.isEmpty()) {
      return Outcome.unchanged(answers);
    }
    List<NewRow> added = List.copyOf(accepted.values());
    store(h, added, batch);
    return Outcome.changed(answers, accepted(added.getFirst().run()));
  }

  private Run newRow(NewRun asked, Optional<RecordedOutcome> outcome, Instant now) {
    return outcome
        .map(o -> WaitingTransitions.acceptEnded(asked, o, ageing, now))
        .orElseGet(() -> WaitingTransitions.accept(asked, ageing, now));
  }

  private static void store(Handle h, List<NewRow> rows, List<AcceptRequest> batch) {
    List<Run> runs = rows.stream().map(NewRow::run).toList();
    (runs.size() == 1 ? STORE_ONE : storeNew(runs.size()))
        .run(
            h,
            q -> {
              for (int i = 0; i < rows.size(); i++) {
                NewRow row = rows.get(i);
                Rows.bind(q, NewRuns.prefix("r", i), row.run());
                bind(q, NewRuns.prefix("o", i), row.run().key(), row.object());
              }
              q.bindList("keys", runs.stream().map(r -> r.admitKey().value()).distinct().toList());
            });
    NewRuns.deleteUnusedKeys(h, batch.stream().map(AcceptRequest::run).toList(), runs);
  }

  private static Query bind(Query q, String prefix, RunKey run, ObjectRecord object) {
    return q.bind(prefix + "run_id", run.id())
        .bind(prefix + "cluster_identity", object.cluster())
        .bind(prefix + "uid", object.uid())
        .bind(prefix + "applied_generation", object.appliedGeneration())
        .bind(prefix + "created_at", object.createdAt())
        .bind(prefix + "by_operator", object.createdByOperator());
  }

  private static Acceptance compared(Run known, NewRun asked) {
    return known.definition().requestSha().equals(asked.requestSha())
        ? new Acceptance.Same(known)
        : new Acceptance.NameTaken(known);
  }

  private Acceptance refused(NewRun asked, StatementRefused refusal) {
    // another transaction inserted it meanwhile, under another key
    Optional<Run> winner = refusal.isDuplicate() ? queries.run(asked.key()) : Optional.empty();
    return winner
        .map(run -> compared(run, asked))
        .orElseGet(() -> new Acceptance.Refused(asked.key(), String.valueOf(refusal.getMessage())));
  }

  /** What accept writes and nothing changes later; a batch is committed as a whole or not. */
  private static CommitCheck accepted(Run run) {
    return h ->
        ACCEPTED
            .run(
                h,
                q ->
                    q.bind("id", run.key().id())
                        .bind("sha", run.definition().requestSha())
                        .bind("accepted", run.times().acceptedAt()),
                found -> found.first(row -> true))
            .isPresent();
  }

  // ---- objects

  @Override
  public void recordObject(RunKey run, ObjectRecord object) {
    runTransactions.update(
        "object record",
        run,
        false,
        l -> {
          RECORD_OBJECT.run(l.h(), q -> bind(q, "", run, object));
          return Outcome.repeatable(true);
        });
  }

  @Override
  public Optional<Run> forgetObject(RunKey run, ObjectRecord object) {
    return runTransactions.updateUnderLimit(
        "forgotten object",
        run,
        Optional.empty(),
        (l, limits) -> {
          FORGET_OBJECT.run(
              l.h(),
              q ->
                  q.bind("run_id", run.id())
                      .bind("cluster_identity", object.cluster())
                      .bind("uid", object.uid()));
          Optional<Run> released =
              WaitingTransitions.release(l.run(), Reasons.DELETION_UNCONFIRMED, ageing, l.now())
                  .map(next -> limits.changed(l.run(), next));
          released.ifPresent(next -> RunTransactions.store(l.h(), next));
          return released.isPresent()
              ? Outcome.changed(released, RunTransactions.wrote(released.get()))
              : Outcome.repeatable(released);
        });
  }

  @Override
  public Optional<Run> amend(RunKey run, String cluster, long generation, Amendment amendment) {
    Amendment rounded = withMicros(amendment);
    return transactions.write(
        "amendment of run " + run,
        AMEND,
        q -> q.bind("id", run.id()).bind("cluster", cluster),
        (h, found) -> {
          LockedLimits limits = LockedLimits.of(found);
          Optional<Mutex> mutex = found.first(Locks::mutex);
          Optional<Run> known = found.first(Rows::run);
          Instant now = found.first(Locks::time).orElseThrow();
          Optional<Long> applied = found.first(row -> row.getLong("applied_generation"));
          if (known.isEmpty() || applied.filter(g -> g < generation).isEmpty()) {
            return Outcome.unchanged(Optional.empty());
          }
          RunTransactions.requireKey(h, mutex, known.get());
          Locked locked = new Locked(h, known.get(), now);
          return amend(locked, limits, cluster, generation, rounded);
        });
  }

  private Outcome<Optional<Run>> amend(
      Locked l, LockedLimits limits, String cluster, long generation, Amendment amendment) {
    RunKey run = l.run().key();
    APPLY_GENERATION.run(
        l.h(), q -> q.bind("id", run.id()).bind("cluster", cluster).bind("generation", generation));
    // the generation is applied, also if it does not change the run
    Run next =
        limits.changed(
            l.run(), AmendTransition.amend(l.run(), amendment, ageing, l.now()).orElse(l.run()));
    RunTransactions.store(l.h(), next);
    return Outcome.changed(
        Optional.of(next),
        h ->
            APPLIED_GENERATION
                .run(
                    h,
                    q -> q.bind("id", run.id()).bind("cluster", cluster),
                    found -> found.first(row -> row.getLong("applied_generation")))
                .filter(g -> g == generation)
                .isPresent());
  }

  // ---- waiting runs

  @Override
  public Optional<Run> cancelWaiting(RunKey run, String reason, String message) {
    return runTransactions.updateRun(
        "cancelWaiting",
        run,
        l -> WaitingTransitions.cancelWaiting(l.run(), reason, message, l.now()));
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
  public Optional<Run> objectRefused(RunKey run, String message) {
    return runTransactions.updateRun(
        "refused object", run, l -> WaitingTransitions.objectRefused(l.run(), message, l.now()));
  }

  @Override
  public Optional<Run> release(RunKey run, String reason) {
    return runTransactions.updateUnderLimit(
        "release", run, l -> WaitingTransitions.release(l.run(), reason, ageing, l.now()));
  }

  @Override
  public Optional<Run> restoreOutcome(RunKey run, RecordedOutcome outcome) {
    return runTransactions.updateRun(
        "recorded outcome", run, l -> WaitingTransitions.restoreOutcome(l.run(), outcome, l.now()));
  }

  private static Amendment withMicros(Amendment a) {
    return new Amendment(
        a.desired(),
        a.priority(),
        a.notBefore().map(NewRuns::micros),
        a.startDeadlineSeconds(),
        a.maxAttempts());
  }
}
