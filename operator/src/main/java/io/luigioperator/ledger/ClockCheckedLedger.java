/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import io.luigioperator.run.AdmitKey;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunState;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * A ledger that is unavailable while the clock of its database has jumped forward. Otherwise a lost
 * pod would count as ended, a start deadline as over, and a run as due before their time; and what
 * is written would carry a time in the future.
 *
 * <p>The time is checked when rows are read that a decision depends on, and before a change that
 * itself selects rows by their time. A change of one run follows such a read within moments, so it
 * uses the result of the last check.
 */
public final class ClockCheckedLedger implements Ledger {

  private final Ledger ledger;
  private final DatabaseClock clock;
  private final LedgerQueries queries = new CheckedQueries();

  public ClockCheckedLedger(Ledger ledger, DatabaseClock clock) {
    this.ledger = ledger;
    this.clock = clock;
  }

  @Override
  public ClusterLedger clusters() {
    queries.now();
    return ledger.clusters();
  }

  @Override
  public RunLedger runs() {
    clock.requireSteady();
    return ledger.runs();
  }

  @Override
  public AttemptLedger attempts() {
    clock.requireSteady();
    return ledger.attempts();
  }

  @Override
  public ScheduleLedger schedules() {
    clock.requireSteady();
    return ledger.schedules();
  }

  @Override
  public BackfillLedger backfills() {
    clock.requireSteady();
    return ledger.backfills();
  }

  @Override
  public LedgerMaintenance maintenance() {
    queries.now();
    return ledger.maintenance();
  }

  @Override
  public LedgerQueries queries() {
    return queries;
  }

  private final class CheckedQueries implements LedgerQueries {

    @Override
    public Instant now() {
      return clock.read(() -> ledger.queries().now(), now -> now);
    }

    @Override
    public Loaded load(Collection<RunKey> runs, String cluster) {
      return clock.read(() -> ledger.queries().load(runs, cluster), Loaded::now);
    }

    @Override
    public List<Head> openHeads(
        String cluster, Optional<Head> after, int limit, Set<String> exceptNamespaces) {
      return ledger.queries().openHeads(cluster, after, limit, exceptNamespaces);
    }

    @Override
    public Map<AdmitKey, RunKey> holders(int limit) {
      return ledger.queries().holders(limit);
    }

    @Override
    public Optional<Instant> nextDue() {
      return ledger.queries().nextDue();
    }

    @Override
    public List<Attempt> liveAttempts(String cluster) {
      return ledger.queries().liveAttempts(cluster);
    }

    @Override
    public List<Attempt> attemptsElsewhere(String cluster, Optional<AdmitKey> after, int limit) {
      return ledger.queries().attemptsElsewhere(cluster, after, limit);
    }

    @Override
    public TokenLookup attemptsByToken(Collection<String> tokens) {
      return ledger.queries().attemptsByToken(tokens);
    }

    @Override
    public List<RecordedObject> recordedObjects(String cluster, Optional<RunKey> after, int limit) {
      return ledger.queries().recordedObjects(cluster, after, limit);
    }

    @Override
    public List<Run> heldFor(String reason, Optional<RunKey> after, int limit) {
      return ledger.queries().heldFor(reason, after, limit);
    }

    @Override
    public Map<RunState, Long> countByState() {
      return ledger.queries().countByState();
    }
  }
}
