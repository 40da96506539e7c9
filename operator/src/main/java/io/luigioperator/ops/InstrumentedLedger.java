/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ops;

import io.luigioperator.ledger.AttemptLedger;
import io.luigioperator.ledger.BackfillLedger;
import io.luigioperator.ledger.ClusterLedger;
import io.luigioperator.ledger.Ledger;
import io.luigioperator.ledger.LedgerMaintenance;
import io.luigioperator.ledger.LedgerQueries;
import io.luigioperator.ledger.RunLedger;
import io.luigioperator.ledger.ScheduleLedger;
import io.luigioperator.run.Abandonment;
import io.luigioperator.run.AdmitKey;
import io.luigioperator.run.Amendment;
import io.luigioperator.run.Attempt;
import io.luigioperator.run.AttemptRef;
import io.luigioperator.run.ClusterIdentity;
import io.luigioperator.run.DatedRun;
import io.luigioperator.run.Ending;
import io.luigioperator.run.FailureCause;
import io.luigioperator.run.ObjectRecord;
import io.luigioperator.run.Presence;
import io.luigioperator.run.RecordedOutcome;
import io.luigioperator.run.RetryPolicy;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunAndAttempt;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunState;
import io.luigioperator.run.ScheduleKey;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** A {@link Ledger} that times every call and reports each commit to {@link RunMetrics}. */
public final class InstrumentedLedger implements Ledger {
  private final Ledger ledger;
  private final StoreCalls calls;
  private final RunMetrics metrics;
  private final TimedClusters clusters = new TimedClusters();
  private final TimedRuns runs = new TimedRuns();
  private final TimedAttempts attempts = new TimedAttempts();
  private final TimedSchedules schedules = new TimedSchedules();
  private final TimedBackfills backfills = new TimedBackfills();
  private final TimedMaintenance maintenance = new TimedMaintenance();
  private final TimedQueries queries = new TimedQueries();

  public InstrumentedLedger(Ledger ledger, Metrics metrics, RunMetrics runMetrics) {
    this.ledger = ledger;
    this.calls = new StoreCalls(metrics, "ledger");
    this.metrics = runMetrics;
  }

  @Override
  public ClusterLedger clusters() {
    return clusters;
  }

  @Override
  public RunLedger runs() {
    return runs;
  }

  @Override
  public AttemptLedger attempts() {
    return attempts;
  }

  @Override
  public ScheduleLedger schedules() {
    return schedules;
  }

  @Override
  public BackfillLedger backfills() {
    return backfills;
  }

  @Override
  public LedgerMaintenance maintenance() {
    return maintenance;
  }

  @Override
  public LedgerQueries queries() {
    return queries;
  }

  private final class TimedClusters implements ClusterLedger {
    @Override
    public Registration register(ClusterIdentity identity, boolean shared) {
      return calls.time("register", () -> ledger.clusters().register(identity, shared));
    }

    @Override
    public Optional<RegisteredCluster> retire(String uid, Duration silence) {
      return calls.time("retire", () -> ledger.clusters().retire(uid, silence));
    }
  }

  private final class TimedRuns implements RunLedger {
    @Override
    public List<Acceptance> accept(List<AcceptRequest> requests) {
      List<Acceptance> answers = calls.time("accept", () -> ledger.runs().accept(requests));
      for (int i = 0; i < answers.size(); i++) {
        if (requests.get(i).outcome().isPresent()) {
          metrics.restored(answers.get(i));
        } else {
          metrics.accepted(answers.get(i));
        }
      }
      return answers;
    }

    @Override
    public Optional<Run> restoreOutcome(RunKey run, RecordedOutcome outcome) {
      Optional<Run> ended =
          calls.time("restoreOutcome", () -> ledger.runs().restoreOutcome(run, outcome));
      ended.ifPresent(r -> metrics.restored());
      return ended;
    }

    @Override
    public void recordObject(RunKey run, ObjectRecord object) {
      calls.time("recordObject", () -> ledger.runs().recordObject(run, object));
    }

    @Override
    public Optional<Run> forgetObject(RunKey run, ObjectRecord object) {
      return changed(calls.time("forgetObject", () -> ledger.runs().forgetObject(run, object)));
    }

    @Override
    public Optional<Run> amend(RunKey run, String cluster, long generation, Amendment amendment) {
      return changed(
          calls.time("amend", () -> ledger.runs().amend(run, cluster, generation, amendment)));
    }

    @Override
    public Optional<Run> cancel(RunKey run, String reason, String message) {
      return changed(calls.time("cancel", () -> ledger.runs().cancel(run, reason, message)));
    }

    @Override
    public Optional<Run> cancelWaiting(RunKey run, String reason, String message) {
      return changed(
          calls.time("cancelWaiting", () -> ledger.runs().cancelWaiting(run, reason, message)));
    }

    @Override
    public Optional<Run> hold(RunKey run, String reason, String message) {
      return calls.time("hold", () -> ledger.runs().hold(run, reason, message));
    }

    @Override
    public Optional<Run> objectRefused(RunKey run, String message) {
      return calls.time("objectRefused", () -> ledger.runs().objectRefused(run, message));
    }

    @Override
    public Optional<Run> release(RunKey run, String reason) {
      return changed(calls.time("release", () -> ledger.runs().release(run, reason)));
    }

    private Optional<Run> changed(Optional<Run> run) {
      run.ifPresent(metrics::changed);
      return run;
    }
  }

  private final class TimedAttempts implements AttemptLedger {
    @Override
    public Optional<Claimed> claim(AdmitKey key, RunKey expected, String token, String cluster) {
      Optional<Claimed> claimed =
          calls.time("claim", () -> ledger.attempts().claim(key, expected, token, cluster));
      claimed.ifPresent(metrics::claimed);
      return claimed;
    }

    @Override
    public Optional<RunAndAttempt> bind(AttemptRef attempt, String jobUid, String podUid) {
      return calls.time("bind", () -> ledger.attempts().bind(attempt, jobUid, podUid));
    }

    @Override
    public Optional<RunAndAttempt> finish(
        AttemptRef attempt, String podUid, Ending ending, RetryPolicy policy, Presence presence) {
      Optional<RunAndAttempt> after =
          calls.time(
              "finish", () -> ledger.attempts().finish(attempt, podUid, ending, policy, presence));
      after.ifPresent(a -> metrics.finished(ending, a.run()));
      return after;
    }

    @Override
    public Optional<RunAndAttempt> abandon(
        AttemptRef attempt, Abandonment abandonment, RetryPolicy policy) {
      Optional<RunAndAttempt> after =
          calls.time("abandon", () -> ledger.attempts().abandon(attempt, abandonment, policy));
      after.ifPresent(a -> metrics.abandoned(abandonment, a.run()));
      return after;
    }

    @Override
    public Optional<Attempt> recordNode(Attempt attempt, String node) {
      return calls.time("recordNode", () -> ledger.attempts().recordNode(attempt, node));
    }

    @Override
    public Optional<Attempt> markForStop(Attempt attempt, FailureCause cause, String message) {
      return calls.time(
          "markForStop", () -> ledger.attempts().markForStop(attempt, cause, message));
    }

    @Override
    public Optional<Attempt> markPodMissing(Attempt attempt) {
      return calls.time("markPodMissing", () -> ledger.attempts().markPodMissing(attempt));
    }

    @Override
    public Optional<Attempt> clearPodMissing(Attempt attempt) {
      return calls.time("clearPodMissing", () -> ledger.attempts().clearPodMissing(attempt));
    }
  }

  private final class TimedSchedules implements ScheduleLedger {
    @Override
    public String own(ScheduleKey schedule, String cluster) {
      return calls.time("own", () -> ledger.schedules().own(schedule, cluster));
    }

    @Override
    public void disown(ScheduleKey schedule, String cluster) {
      calls.time("disown", () -> ledger.schedules().disown(schedule, cluster));
    }

    @Override
    public void limit(ScheduleKey schedule, Optional<Integer> maxRuns) {
      calls.time("limit", () -> ledger.schedules().limit(schedule, maxRuns));
    }

    @Override
    public List<LimitedSchedule> limited(Optional<ScheduleKey> after, int limit) {
      return calls.time("limited", () -> ledger.schedules().limited(after, limit));
    }

    @Override
    public LimitChange enforceLimit(ScheduleKey schedule) {
      return calls.time("enforceLimit", () -> ledger.schedules().enforceLimit(schedule));
    }

    @Override
    public void applied(ScheduleKey schedule, String cluster, AppliedSpec spec) {
      calls.time("applied", () -> ledger.schedules().applied(schedule, cluster, spec));
    }

    @Override
    public Deletion deleted(ScheduleKey schedule, String cluster, String reason, String message) {
      Deletion deletion =
          calls.time(
              "deleted", () -> ledger.schedules().deleted(schedule, cluster, reason, message));
      deletion.canceled().forEach(metrics::changed);
      return deletion;
    }

    @Override
    public Set<RunKey> endedRuns(ScheduleKey schedule, String client, Collection<RunKey> runs) {
      return calls.time("endedRuns", () -> ledger.schedules().endedRuns(schedule, client, runs));
    }

    @Override
    public List<OwnedSchedule> owned(String cluster, Optional<ScheduleKey> after, int limit) {
      return calls.time("owned", () -> ledger.schedules().owned(cluster, after, limit));
    }

    @Override
    public Map<ClientKey, List<DatedRun>> newestRuns(List<ClientKey> clients, int limit) {
      return calls.time("newestRuns", () -> ledger.schedules().newestRuns(clients, limit));
    }

    @Override
    public List<ScheduledClient> clients(ScheduleKey schedule, Optional<String> after, int limit) {
      return calls.time("clients", () -> ledger.schedules().clients(schedule, after, limit));
    }

    @Override
    public Map<String, Set<String>> firedDates(
        ScheduleKey schedule, List<String> clients, String first) {
      return calls.time(
          "firedDates", () -> ledger.schedules().firedDates(schedule, clients, first));
    }

    @Override
    public List<TickAnswer> decide(
        ScheduleKey schedule, String cluster, List<ClientDecision> decisions) {
      return calls.time("decide", () -> ledger.schedules().decide(schedule, cluster, decisions));
    }
  }

  private final class TimedBackfills implements BackfillLedger {
    @Override
    public List<Backfill> loadBackfills(ScheduleKey schedule, List<String> names) {
      return calls.time("loadBackfills", () -> ledger.backfills().loadBackfills(schedule, names));
    }

    @Override
    public Backfill beginBackfill(ScheduleKey schedule, String name, String definition) {
      return calls.time(
          "beginBackfill", () -> ledger.backfills().beginBackfill(schedule, name, definition));
    }

    @Override
    public Answer advanceBackfill(ScheduleKey schedule, String cluster, Step step) {
      return calls.time(
          "advanceBackfill", () -> ledger.backfills().advanceBackfill(schedule, cluster, step));
    }

    @Override
    public Optional<Backfill> moveBackfill(
        ScheduleKey schedule, String name, State from, State to) {
      return calls.time(
          "moveBackfill", () -> ledger.backfills().moveBackfill(schedule, name, from, to));
    }

    @Override
    public List<RunKey> openRunsOfBackfill(ScheduleKey schedule, String name) {
      return calls.time(
          "openRunsOfBackfill", () -> ledger.backfills().openRunsOfBackfill(schedule, name));
    }
  }

  private final class TimedMaintenance implements LedgerMaintenance {
    @Override
    public List<Run> due(int limit) {
      return calls.time("due", () -> ledger.maintenance().due(limit));
    }

    @Override
    public List<Run> expire(int limit) {
      List<Run> expired = calls.time("expire", () -> ledger.maintenance().expire(limit));
      expired.forEach(metrics::changed);
      return expired;
    }

    @Override
    public int purge(Instant finishedBefore, int limit) {
      return calls.time("purge", () -> ledger.maintenance().purge(finishedBefore, limit));
    }

    @Override
    public List<AdmitKey> freeStaleHolders(int limit) {
      return calls.time("freeStaleHolders", () -> ledger.maintenance().freeStaleHolders(limit));
    }

    @Override
    public Audit auditHeads(Optional<AdmitKey> after, int limit) {
      return calls.time("auditHeads", () -> ledger.maintenance().auditHeads(after, limit));
    }

    @Override
    public TickAudit auditTicks(Optional<TickCursor> after, int limit) {
      return calls.time("auditTicks", () -> ledger.maintenance().auditTicks(after, limit));
    }

    @Override
    public List<Attempt> attemptsOfRetiredClusters(int limit) {
      return calls.time(
          "attemptsOfRetiredClusters", () -> ledger.maintenance().attemptsOfRetiredClusters(limit));
    }

    @Override
    public List<Attempt> claimsOfSilentClusters(Duration silence, int limit) {
      return calls.time(
          "claimsOfSilentClusters",
          () -> ledger.maintenance().claimsOfSilentClusters(silence, limit));
    }
  }

  private final class TimedQueries implements LedgerQueries {
    @Override
    public Instant now() {
      return calls.time("now", () -> ledger.queries().now());
    }

    @Override
    public Loaded load(Collection<RunKey> runs, String cluster) {
      return calls.time("load", () -> ledger.queries().load(runs, cluster));
    }

    @Override
    public List<Head> openHeads(
        String cluster, Optional<Head> after, int limit, Set<String> exceptNamespaces) {
      return calls.time(
          "openHeads", () -> ledger.queries().openHeads(cluster, after, limit, exceptNamespaces));
    }

    @Override
    public Map<AdmitKey, RunKey> holders(int limit) {
      return calls.time("holders", () -> ledger.queries().holders(limit));
    }

    @Override
    public Optional<Instant> nextDue() {
      return calls.time("nextDue", () -> ledger.queries().nextDue());
    }

    @Override
    public List<Attempt> liveAttempts(String cluster) {
      return calls.time("liveAttempts", () -> ledger.queries().liveAttempts(cluster));
    }

    @Override
    public List<Attempt> attemptsElsewhere(String cluster, Optional<AdmitKey> after, int limit) {
      return calls.time(
          "attemptsElsewhere", () -> ledger.queries().attemptsElsewhere(cluster, after, limit));
    }

    @Override
    public TokenLookup attemptsByToken(Collection<String> tokens) {
      return calls.time("attemptsByToken", () -> ledger.queries().attemptsByToken(tokens));
    }

    @Override
    public List<RecordedObject> recordedObjects(String cluster, Optional<RunKey> after, int limit) {
      return calls.time(
          "recordedObjects", () -> ledger.queries().recordedObjects(cluster, after, limit));
    }

    @Override
    public List<Run> heldFor(String reason, Optional<RunKey> after, int limit) {
      return calls.time("heldFor", () -> ledger.queries().heldFor(reason, after, limit));
    }

    @Override
    public Map<RunState, Long> countByState() {
      return calls.time("countByState", () -> ledger.queries().countByState());
    }
  }
}
