/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import io.luigioperator.api.DeletionPolicy;
import io.luigioperator.ledger.NewRuns.Existing;
import io.luigioperator.ledger.TickRows.TickRow;
import io.luigioperator.ledger.TickWrites.Change;
import io.luigioperator.ledger.Transactions.CommitCheck;
import io.luigioperator.ledger.Transactions.Opening;
import io.luigioperator.ledger.Transactions.Outcome;
import io.luigioperator.run.Ageing;
import io.luigioperator.run.DatedRun;
import io.luigioperator.run.NewRun;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.ScheduleKey;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.Set;
import java.util.stream.Collectors;
import org.jdbi.v3.core.Handle;

/** Transactions that decide the cron times of schedules. */
final class Schedules implements ScheduleLedger {

  private static final String OWNER =
      "SELECT owner_cluster FROM schedule WHERE schedule_id = :schedule FOR UPDATE";

  private static final Opening OWN =
      Opening.of(
          """
          INSERT INTO schedule (schedule_id, namespace, name, owner_cluster)
          VALUES (:schedule, :namespace, :name, :cluster)
          ON DUPLICATE KEY UPDATE schedule_id = schedule_id
          """,
          """
          SELECT s.owner_cluster, (SELECT c.retired_at FROM cluster c
            WHERE c.cluster_identity = s.owner_cluster) IS NOT NULL AS retired
          FROM schedule s WHERE s.schedule_id = :schedule FOR UPDATE
          """);

  private static final Opening DISOWN = Opening.of(OWNER);

  /** What an earlier owner has applied says nothing about the object of another one. */
  static final Statements SET_OWNER =
      Statements.of(
          """
          UPDATE schedule SET
            deletion_policy = IF(owner_cluster <=> :owner, deletion_policy, NULL),
            object_created_at = IF(owner_cluster <=> :owner, object_created_at, NULL),
            owner_cluster = :owner
          WHERE schedule_id = :schedule
          """);

  private static final Statements SET_APPLIED =
      Statements.of(
          """
          UPDATE schedule SET deletion_policy = :policy, object_created_at = :created_at
          WHERE schedule_id = :schedule
          """);

  static final String ENDED_RUNS_OF_TICKS =
      """
      SELECT namespace, name FROM run
      WHERE run_id IN (<ids>) AND tick_schedule = :schedule AND client = :client
        AND finished_at IS NOT NULL
      """;

  private static final Statements ENDED_RUNS = Statements.of(ENDED_RUNS_OF_TICKS);

  static final String SCHEDULES_OF_OWNER =
      """
      SELECT namespace, name, deletion_policy, object_created_at
      FROM schedule FORCE INDEX (schedule_owner)
      WHERE owner_cluster = :cluster AND schedule_id > :after ORDER BY schedule_id LIMIT :limit
      """;

  private static final Statements OWNED = Statements.of(SCHEDULES_OF_OWNER);

  static final String CLIENTS_OF_SCHEDULE =
      """
      SELECT client, decided_until, rules FROM schedule_client
      WHERE schedule_id = :schedule AND client > :after ORDER BY client LIMIT :limit
      """;

  private static final Statements CLIENTS = Statements.of(CLIENTS_OF_SCHEDULE);

  static final String DATES_FIRED =
      """
      SELECT client, business_date FROM tick
      WHERE schedule_id = :schedule AND client IN (<clients>) AND business_date >= :first
        AND backfill = '' AND decision = 'FIRED'
      """;

  private static final Statements FIRED_DATES = Statements.of(DATES_FIRED);

  static final String LOCK_CLIENTS =
      """
      SELECT client, decided_until, rules FROM schedule_client FORCE INDEX (PRIMARY)
      WHERE schedule_id = :schedule AND client IN (<clients>) ORDER BY client FOR UPDATE
      """;

  /**
   * The owner and the limit are locked in share mode, so that they do not change, and the clients
   * in ascending order. No other transaction changes the ticks of a locked client, so these are
   * read without locks.
   */
  private static final Opening DECIDE =
      Opening.of(
          """
          SELECT owner_cluster, schedule_id, max_runs FROM schedule
          WHERE schedule_id = :schedule LOCK IN SHARE MODE
          """,
          LOCK_CLIENTS,
          TickRows.READ_TICKS,
          Locks.TIME);

  private static final Statements DECIDED_UNTIL =
      Statements.of(
          """
          SELECT client, decided_until, rules FROM schedule_client
          WHERE schedule_id = :schedule AND client = :client LOCK IN SHARE MODE
          """);

  /** Rows and characters of requests in one commit, so that no packet is larger than allowed. */
  private static final int BATCH_ROWS = 250;

  private static final int BATCH_CHARACTERS = 2_000_000;

  private final Transactions transactions;
  private final RowFilter filter;
  private final Ageing ageing;
  private final LimitTransactions limits;
  private final ScheduleDeletion deletion;

  Schedules(Transactions transactions, RowFilter filter, Ageing ageing) {
    this.transactions = transactions;
    this.deletion = new ScheduleDeletion(transactions, filter);
    this.filter = filter;
    this.ageing = ageing;
    this.limits = new LimitTransactions(transactions, filter);
  }

  // ---- owners

  @Override
  public String own(ScheduleKey schedule, String cluster) {
    return transactions.write(
        "owner of schedule " + schedule,
        OWN,
        q ->
            q.bind("schedule", schedule.id())
                .bind("namespace", schedule.namespace())
                .bind("name", schedule.name())
                .bind("cluster", cluster),
        (h, found) -> {
          Optional<String> owner =
              found
                  .first(
                      row ->
                          Optional.ofNullable(
                              row.getBoolean("retired") ? null : row.getString("owner_cluster")))
                  .orElseThrow();
          if (owner.filter(o -> !o.equals(cluster)).isPresent()) {
            return Outcome.unchanged(owner.get());
          }
          SET_OWNER.run(h, q -> q.bind("owner", cluster).bind("schedule", schedule.id()));
          return Outcome.repeatable(cluster);
        });
  }

  @Override
  public void disown(ScheduleKey schedule, String cluster) {
    transactions.write(
        "owner of schedule " + schedule,
        DISOWN,
        q -> q.bind("schedule", schedule.id()),
        (h, found) -> {
          if (!isOwner(found, cluster)) {
            return Outcome.unchanged(false);
          }
          SET_OWNER.run(h, q -> q.bind("owner", Optional.empty()).bind("schedule", schedule.id()));
          return Outcome.repeatable(true);
        });
  }

  @Override
  public void applied(ScheduleKey schedule, String cluster, AppliedSpec spec) {
    transactions.write(
        "applied spec of schedule " + schedule,
        DISOWN,
        q -> q.bind("schedule", schedule.id()),
        (h, found) -> {
          if (!isOwner(found, cluster)) {
            return Outcome.unchanged(false);
          }
          SET_APPLIED.run(
              h,
              q ->
                  q.bind("policy", spec.deletionPolicy().name())
                      .bind("created_at", NewRuns.micros(spec.createdAt()))
                      .bind("schedule", schedule.id()));
          return Outcome.repeatable(true);
        });
  }

  @Override
  public Deletion deleted(ScheduleKey schedule, String cluster, String reason, String message) {
    return deletion.deleted(schedule, cluster, reason, message);
  }

  private static boolean isOwner(Results found, String cluster) {
    return found
        .first(row -> cluster.equals(row.getString("owner_cluster")))
        .filter(is -> is)
        .isPresent();
  }

  /**
   * What the row of a schedule says, while it is locked.
   *
   * @param isOwner whether it is the owner that decides
   */
  record Locked(boolean isOwner, LockedLimits limits) {}

  static Optional<Locked> locked(Results found, String cluster) {
    return found.first(
        row ->
            new Locked(
                cluster.equals(row.getString("owner_cluster")),
                new LockedLimits(LockedLimits.limited(row).stream().collect(Collectors.toSet()))));
  }

  // ---- limits

  @Override
  public void limit(ScheduleKey schedule, Optional<Integer> maxRuns) {
    limits.set(schedule, maxRuns);
  }

  @Override
  public List<LimitedSchedule> limited(Optional<ScheduleKey> after, int limit) {
    return limits.limited(after, limit);
  }

  @Override
  public LimitChange enforceLimit(ScheduleKey schedule) {
    return limits.enforce(schedule);
  }

  // ---- reads

  @Override
  public List<OwnedSchedule> owned(String cluster, Optional<ScheduleKey> after, int limit) {
    return transactions.read(
        "schedules of cluster " + cluster,
        h ->
            OWNED.run(
                h,
                q ->
                    q.bind("cluster", cluster)
                        .bind("after", after.map(ScheduleKey::id).orElse(""))
                        .bind("limit", limit),
                found -> found.all(Schedules::ownedSchedule)));
  }

  private static OwnedSchedule ownedSchedule(ResultSet row) throws SQLException {
    Optional<Instant> createdAt = Rows.time(row, "object_created_at");
    String stored = row.getString("deletion_policy");
    return new OwnedSchedule(
        new ScheduleKey(row.getString("namespace"), row.getString("name")),
        Arrays.stream(DeletionPolicy.values()) // one of a newer version is replaced
            .filter(policy -> policy.name().equals(stored))
            .findFirst()
            .flatMap(policy -> createdAt.map(time -> new AppliedSpec(policy, time))));
  }

  @Override
  public Set<RunKey> endedRuns(ScheduleKey schedule, String client, Collection<RunKey> runs) {
    return transactions.read(
        "ended runs of schedule " + schedule,
        h ->
            ENDED_RUNS.run(
                h,
                q ->
                    q.bindList("ids", runs.stream().map(RunKey::id).distinct().toList())
                        .bind("schedule", schedule.id())
                        .bind("client", client),
                found ->
                    Set.copyOf(
                        found.all(
                            row ->
                                new RunKey(row.getString("namespace"), row.getString("name"))))));
  }

  @Override
  public List<ScheduledClient> clients(ScheduleKey schedule, Optional<String> after, int limit) {
    return transactions.read(
        "clients of schedule " + schedule,
        h ->
            CLIENTS.run(
                h,
                q ->
                    q.bind("schedule", schedule.id())
                        .bind("after", after.orElse(""))
                        .bind("limit", limit),
                found -> found.all(TickRows::client)));
  }

  @Override
  public Map<String, Set<String>> firedDates(
      ScheduleKey schedule, List<String> clients, String first) {
    Map<String, Set<String>> dates = new HashMap<>();
    transactions.read(
        "fired dates of schedule " + schedule,
        h ->
            FIRED_DATES.run(
                h,
                q ->
                    q.bind("schedule", schedule.id())
                        .bindList("clients", clients)
                        .bind("first", first),
                found ->
                    found.all(
                        row ->
                            dates
                                .computeIfAbsent(row.getString("client"), c -> new HashSet<>())
                                .add(row.getString("business_date")))));
    return dates;
  }

  @Override
  public Map<ClientKey, List<DatedRun>> newestRuns(List<ClientKey> clients, int limit) {
    return NewestRuns.read(transactions, filter, clients, limit);
  }

  // ---- decisions

  @Override
  public List<TickAnswer> decide(
      ScheduleKey schedule, String cluster, List<ClientDecision> decisions) {
    List<TickAnswer> answers = new ArrayList<>();
    for (List<ClientDecision> batch : batches(decisions)) {
      answers.addAll(decideBatch(schedule, cluster, batch));
    }
    return answers;
  }

  private static List<List<ClientDecision>> batches(List<ClientDecision> decisions) {
    List<List<ClientDecision>> batches = new ArrayList<>();
    List<ClientDecision> batch = new ArrayList<>();
    int rows = 0;
    int characters = 0;
    for (ClientDecision decision : decisions) {
      int moreRows = 1 + decision.ticks().size() + decision.gaps().size() + decision.runs().size();
      int more = decision.runs().stream().mapToInt(run -> run.request().length()).sum();
      if (!batch.isEmpty()
          && (rows + moreRows > BATCH_ROWS || characters + more > BATCH_CHARACTERS)) {
        batches.add(batch);
        batch = new ArrayList<>();
        rows = 0;
        characters = 0;
      }
      batch.add(decision);
      rows += moreRows;
      characters += more;
    }
    if (!batch.isEmpty()) {
      batches.add(batch);
    }
    return batches;
  }

  /** Data that MySQL refuses make the batch fail; then each of its clients is tried alone. */
  private List<TickAnswer> decideBatch(
      ScheduleKey schedule, String cluster, List<ClientDecision> batch) {
    boolean single = batch.size() == 1;
    try {
      return transactions.write(
          "ticks of schedule %s for client %s%s"
              .formatted(schedule, batch.getFirst().client(), single ? "" : " and others"),
          DECIDE,
          q ->
              q.bind("schedule", schedule.id())
                  .bindList("clients", batch.stream().map(ClientDecision::client).toList())
                  .bindList("ticks", tickIds(schedule, batch)),
          (h, found) -> new Decision(h, schedule, cluster, batch).carryOut(found));
    } catch (StatementRefused e) {
      if (single) {
        // a duplicate: another process has inserted the client or a run meanwhile
        return List.of(
            e.isDuplicate() ? new TickAnswer.Stale() : new TickAnswer.Refused(e.getMessage()));
      }
      return batch.stream()
          .map(decision -> decideBatch(schedule, cluster, List.of(decision)).getFirst())
          .toList();
    }
  }

  private static List<String> tickIds(ScheduleKey schedule, List<ClientDecision> batch) {
    List<String> ids =
        batch.stream()
            .flatMap(
                d ->
                    d.ticks().stream()
                        .map(Tick::businessDate)
                        .distinct()
                        .map(date -> TickRows.id(schedule, d.client(), date, "")))
            .toList();
    return ids.isEmpty() ? List.of("") : ids; // a list in SQL cannot be empty
  }

  /** One transaction, after its opening. */
  private final class Decision {
    private final Handle h;
    private final ScheduleKey schedule;
    private final String cluster;
    private final List<ClientDecision> batch;

    Decision(Handle h, ScheduleKey schedule, String cluster, List<ClientDecision> batch) {
      this.h = h;
      this.schedule = schedule;
      this.cluster = cluster;
      this.batch = batch;
    }

    Outcome<List<TickAnswer>> carryOut(Results found) {
      Optional<Locked> row = locked(found, cluster).filter(Locked::isOwner);
      if (row.isEmpty()) {
        return Outcome.unchanged(
            batch.stream().<TickAnswer>map(d -> new TickAnswer.NotOwner()).toList());
      }
      Map<String, ScheduledClient> clients =
          found.all(TickRows::client).stream()
              .collect(Collectors.toMap(ScheduledClient::client, c -> c));
      Map<String, TickRow> known =
          found.all(TickRows::tick).stream().collect(Collectors.toMap(TickRow::id, t -> t));
      Instant now = found.first(Locks::time).orElseThrow();
      List<Change> changes =
          batch.stream()
              .filter(d -> isBasedOn(d, Optional.ofNullable(clients.get(d.client()))))
              .map(d -> change(d, Optional.ofNullable(clients.get(d.client())), known, now))
              .toList();
      return store(changes, clients, row.get().limits(), now);
    }

    private Change change(
        ClientDecision decision,
        Optional<ScheduledClient> row,
        Map<String, TickRow> known,
        Instant now) {
      SequencedMap<String, TickRow> rows = new LinkedHashMap<>();
      List<NewRun> runs = new ArrayList<>();
      for (Tick tick : decision.ticks()) {
        String id = TickRows.id(schedule, decision.client(), tick.businessDate(), "");
        TickRow before = rows.containsKey(id) ? rows.get(id) : known.get(id);
        TickRow after =
            before == null
                ? TickRow.of(schedule, decision.client(), tick, now)
                : before.and(tick, now);
        if (after.isFired() && (before == null || !before.isFired())) {
          runs.add(NewRuns.withMicros(tick.run().orElseThrow()));
        }
        rows.put(id, after);
      }
      Instant until =
          row.map(ScheduledClient::decidedUntil)
              .filter(t -> t.isAfter(decision.until()))
              .orElse(decision.until());
      return new Change(decision.until(until), row.isPresent(), List.copyOf(rows.values()), runs);
    }

    private Outcome<List<TickAnswer>> store(
        List<Change> wanted,
        Map<String, ScheduledClient> clients,
        LockedLimits limits,
        Instant now) {
      List<NewRun> runs = wanted.stream().flatMap(c -> c.runs().stream()).toList();
      Existing existing =
          runs.isEmpty() ? new Existing(Map.of(), Map.of(), now) : NewRuns.lock(h, runs, filter);
      Map<String, TickAnswer> answers = new HashMap<>();
      List<Change> changes = new ArrayList<>();
      for (Change change : wanted) {
        TickAnswer answer =
            refusal(change, existing).orElseGet(() -> new TickAnswer.Decided(change.runs().size()));
        answers.put(change.decision().client(), answer);
        if (answer instanceof TickAnswer.Decided) {
          changes.add(change);
        }
      }
      List<TickAnswer> inOrder =
          batch.stream()
              .map(d -> answers.getOrDefault(d.client(), new TickAnswer.Stale()))
              .toList();
      if (changes.isEmpty()) {
        return Outcome.unchanged(inOrder);
      }
      List<Run> accepted =
          NewRuns.accept(
              changes.stream().flatMap(c -> c.runs().stream()).toList(), existing, ageing, limits);
      new TickWrites(schedule, changes, accepted, now).write(h);
      NewRuns.deleteUnusedKeys(h, runs, accepted);
      return changes.stream()
          .map(Change::decision)
          .filter(d -> !isSame(d, Optional.ofNullable(clients.get(d.client()))))
          .findFirst()
          .map(d -> Outcome.changed(inOrder, decided(schedule, d)))
          .orElseGet(() -> Outcome.repeatable(inOrder));
    }
  }

  /** Whether the decision leaves the row as it is, so that the row does not show the commit. */
  private static boolean isSame(ClientDecision decision, Optional<ScheduledClient> row) {
    return row.filter(
            c -> c.decidedUntil().equals(decision.until()) && c.rules().equals(decision.rules()))
        .isPresent();
  }

  private static boolean isBasedOn(ClientDecision decision, Optional<ScheduledClient> row) {
    Optional<Instant> until = row.filter(c -> c.rules().isPresent()).map(c -> c.decidedUntil());
    return until.equals(decision.from());
  }

  private static Optional<TickAnswer> refusal(Change change, Existing existing) {
    for (NewRun run : change.runs()) {
      String problem = existing.unreadable().get(run.key());
      if (problem != null) {
        return Optional.of(new TickAnswer.Refused(problem));
      }
      Run before = existing.runs().get(run.key());
      if (before != null && !before.definition().requestSha().equals(run.requestSha())) {
        return Optional.of(new TickAnswer.NameTaken(run.key()));
      }
    }
    return Optional.empty();
  }

  /**
   * A batch is committed as a whole or not, and {@code decidedUntil} only moves forward. A change
   * of the rules alone does not move it.
   */
  private static CommitCheck decided(ScheduleKey schedule, ClientDecision decision) {
    return h ->
        DECIDED_UNTIL
            .run(
                h,
                q -> q.bind("schedule", schedule.id()).bind("client", decision.client()),
                found -> found.first(TickRows::client))
            .filter(
                row ->
                    row.decidedUntil().isAfter(decision.until())
                        || row.decidedUntil().equals(decision.until())
                            && row.rules().equals(decision.rules()))
            .isPresent();
  }
}
