/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.sim;

import io.luigioperator.api.BackfillOrder;
import io.luigioperator.api.BackfillSpec;
import io.luigioperator.api.BusinessDateSpec;
import io.luigioperator.api.CatchUpPolicy;
import io.luigioperator.api.CatchUpSpec;
import io.luigioperator.api.DateUnit;
import io.luigioperator.api.DeletionPolicy;
import io.luigioperator.api.DesiredState;
import io.luigioperator.api.HistorySpec;
import io.luigioperator.api.PipelineRunSpec;
import io.luigioperator.api.PipelineScheduleSpec;
import io.luigioperator.api.PipelineSpec;
import io.luigioperator.api.Priority;
import io.luigioperator.api.Reprocess;
import io.luigioperator.api.ScheduleClient;
import io.luigioperator.api.ScheduleRef;
import io.luigioperator.api.TaskRef;
import io.luigioperator.run.ParsedSpec;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunObject;
import io.luigioperator.run.ScheduleKey;
import io.luigioperator.run.ScheduleObject;
import io.luigioperator.schedule.ClientRules;
import io.luigioperator.schedule.RunNames;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * What users do with one schedule: they create it, change its crons, zones and clients, suspend,
 * delete and create it again, in one or both clusters, and apply PipelineRuns under the names of
 * its ticks.
 */
final class ScheduleActions {

  static final ScheduleKey HOURLY = new ScheduleKey("ns", "hourly");

  /** No cron time is at or after it, so that a scenario ends. */
  private static final Duration LENGTH = Duration.ofMinutes(25);

  static final List<String> CLIENTS = List.of("hooli", "umbrella");

  /** Their hours begin at different minutes. */
  private static final List<String> ZONES = List.of("Etc/UTC", "Asia/Kathmandu", "Asia/Kolkata");

  /** In turn, so that a limit is set, raised, lowered and removed. */
  private static final List<Optional<Integer>> LIMITS =
      List.of(Optional.of(1), Optional.empty(), Optional.of(2), Optional.of(1), Optional.of(2));

  private static final PipelineSpec PIPELINE =
      PipelineSpec.ofDefaults("image:1", new TaskRef("m", "F"));

  private final SimEnvironment env;
  private final boolean used;
  private final CatchUpPolicy catchUp;
  private final Instant end;

  /** The rules of a client that users have ever applied, by client and stored form. */
  private final Map<String, CronTimes> applied = new HashMap<>();

  private int limits;
  private final Map<String, Long> generations = new HashMap<>();

  /** Of the spec that was applied last. */
  private final List<BackfillSpec> backfills = new ArrayList<>();

  private int backfillNames;
  private final Set<Instant> creations = new HashSet<>();

  /** The clusters in which a user has deleted the schedule. */
  private final Set<String> deletedIn = new HashSet<>();

  /** What a cluster had before its namespace was deleted. */
  private final Map<String, ScheduleObject> lost = new HashMap<>();

  private int uids;

  /**
   * @param used whether there is a schedule at all
   * @param firstLimit which limit it begins with
   */
  ScheduleActions(SimEnvironment env, boolean used, CatchUpPolicy catchUp, int firstLimit) {
    this.env = env;
    this.limits = firstLimit;
    this.used = used;
    this.catchUp = catchUp;
    this.end = env.now().plus(LENGTH);
  }

  boolean isUsed() {
    return used;
  }

  /** Whether each missed business date is to run. */
  boolean catchesUpAll() {
    return catchUp == CatchUpPolicy.All;
  }

  /** What a client's stored rules mean; empty if no user has applied them. */
  Optional<CronTimes> meaningOf(String client, String rules) {
    return Optional.ofNullable(applied.get(client + " " + ClientRules.read(rules).json()));
  }

  /** The clients that a cluster lists now, with their rules as they are stored. */
  Map<String, String> listed(SimCluster cluster) {
    return Optional.ofNullable(cluster.schedules.get(HOURLY)).stream()
        .map(ScheduleObject::spec)
        .flatMap(
            spec ->
                spec.clients().stream().map(client -> Map.entry(client.id(), json(spec, client))))
        .collect(Collectors.toMap(Map.Entry::getKey, Map.Entry::getValue));
  }

  /** Whether a user has created the schedule then. */
  boolean wasCreatedAt(Instant time) {
    return creations.contains(time);
  }

  private static String json(PipelineScheduleSpec spec, ScheduleClient client) {
    return ((ClientRules.Valid) ClientRules.of(spec, client)).json();
  }

  // ---- the schedule

  void create(SimCluster where) {
    creations.add(env.now());
    generations.put(where.name, 1L);
    apply(where, "uid-" + ++uids, env.now());
  }

  void changeSomething(SimCluster where) {
    ScheduleObject known = where.schedules.get(HOURLY);
    if (known == null) {
      env.counts.count(Fault.SCHEDULE_RECREATED);
      create(where);
      return;
    }
    switch (env.random.nextInt(8)) {
      case 0 -> delete(where);
      case 1 -> {
        delete(where);
        env.counts.count(Fault.SCHEDULE_RECREATED);
        create(where);
      }
      case 2 -> applyRun(where, false);
      case 3 -> applyRun(where, true);
      default -> {
        env.counts.count(Fault.SCHEDULE_CHANGED);
        generations.merge(where.name, 1L, Long::sum);
        apply(where, known.uid(), known.createdAt());
      }
    }
  }

  private void delete(SimCluster where) {
    env.counts.count(Fault.SCHEDULE_DELETED);
    where.schedules.remove(HOURLY);
    deletedIn.add(where.name);
  }

  /** Whether a user has ever deleted the schedule in a cluster. */
  boolean wasDeletedIn(String cluster) {
    return deletedIn.contains(cluster);
  }

  /** The namespace of a cluster was created again; users apply this schedule later. */
  void namespaceRecreated(SimCluster where) {
    Optional.ofNullable(where.schedules.remove(HOURLY)).ifPresent(s -> lost.put(where.name, s));
    where.schedules.replaceAll((key, s) -> again(s));
  }

  /** A user applies again what was lost with the namespace. */
  void applyAgain(SimCluster where) {
    ScheduleObject known = lost.remove(where.name);
    if (known != null && !where.schedules.containsKey(HOURLY)) {
      creations.add(env.now());
      generations.put(where.name, 1L);
      where.schedules.put(HOURLY, again(known));
    }
  }

  private ScheduleObject again(ScheduleObject s) {
    return new ScheduleObject(
        s.key(), "uid-" + ++uids, env.now(), 1, s.parsedSpec(), Optional.empty());
  }

  private void apply(SimCluster where, String uid, Instant createdAt) {
    PipelineScheduleSpec spec = randomSpec();
    for (ScheduleClient client : spec.clients()) {
      applied.computeIfAbsent(
          client.id() + " " + json(spec, client),
          key ->
              new CronTimes(
                  Optional.ofNullable(client.timeZone()).orElse(spec.timeZone()),
                  minutes(client.crons().isEmpty() ? spec.crons() : client.crons()),
                  spec.suspend() || Boolean.TRUE.equals(client.suspend()),
                  end,
                  env.now()));
    }
    where.schedules.put(
        HOURLY,
        new ScheduleObject(
            HOURLY,
            uid,
            createdAt,
            generations.get(where.name),
            new ParsedSpec.Valid<>(spec),
            Optional.empty()));
  }

  private PipelineScheduleSpec randomSpec() {
    List<ScheduleClient> clients = new ArrayList<>();
    for (String id : CLIENTS) {
      if (!env.oneIn(6)) {
        clients.add(client(id));
      }
    }
    return new PipelineScheduleSpec(
        PIPELINE,
        Priority.Normal,
        clients,
        List.of(randomCron()),
        env.any(ZONES).orElseThrow(),
        new BusinessDateSpec(DateUnit.Hour, -1),
        null,
        env.oneIn(4) ? 60 : null,
        new CatchUpSpec(catchUp, null, null, null),
        env.oneIn(8),
        nextLimit(),
        randomBackfills(),
        new HistorySpec(env.random.nextInt(3), env.random.nextInt(3)),
        env.oneIn(3) ? DeletionPolicy.Retain : DeletionPolicy.CancelQueued);
  }

  /** Runs of a backfill at a time; the same for all, so that it can be checked. */
  static final int BACKFILL_RUNS = 2;

  private List<BackfillSpec> randomBackfills() {
    if (!backfills.isEmpty() && env.oneIn(4)) {
      env.counts.count(Fault.BACKFILL_REMOVED);
      backfills.removeLast();
    }
    backfills.replaceAll(b -> backfill(b.name(), b.start(), b.end(), b.reprocess(), b.order()));
    if (backfills.size() < 2 && env.oneIn(3)) {
      env.counts.count(Fault.BACKFILL_ADDED);
      Instant start = env.now().minus(Duration.ofHours(env.random.nextInt(4)));
      backfills.add(
          backfill(
              "b" + ++backfillNames,
              CronTimes.businessDate(start, "Etc/UTC"),
              CronTimes.businessDate(
                  start.plus(Duration.ofHours(env.random.nextInt(6))), "Etc/UTC"),
              env.any(List.of(Reprocess.values())).orElseThrow(),
              env.any(List.of(BackfillOrder.values())).orElseThrow()));
    }
    return List.copyOf(backfills);
  }

  private BackfillSpec backfill(
      String name, String start, String end, Reprocess reprocess, BackfillOrder order) {
    return new BackfillSpec(
        name, start, end, List.of(), reprocess, order, null, BACKFILL_RUNS, env.oneIn(6));
  }

  /** The names of all backfills of an existing schedule. */
  List<String> backfills(SimCluster cluster) {
    return Optional.ofNullable(cluster.schedules.get(HOURLY)).stream()
        .flatMap(schedule -> schedule.spec().backfills().stream())
        .map(BackfillSpec::name)
        .toList();
  }

  /** Those of an existing schedule that are to be processed to the end. */
  List<BackfillSpec> unsuspendedBackfills(SimCluster cluster) {
    return Optional.ofNullable(cluster.schedules.get(HOURLY)).stream()
        .flatMap(schedule -> schedule.spec().backfills().stream())
        .filter(b -> !b.suspend())
        .toList();
  }

  private @Nullable Integer nextLimit() {
    Optional<Integer> limit = LIMITS.get(limits++ % LIMITS.size());
    limit.ifPresent(max -> env.counts.count(Fault.SCHEDULE_LIMITED));
    return limit.orElse(null);
  }

  private ScheduleClient client(String id) {
    return new ScheduleClient(
        id,
        List.of(),
        env.oneIn(4) ? env.any(ZONES).orElseThrow() : null,
        env.oneIn(4) ? List.of(randomCron(), randomCron()).stream().distinct().toList() : List.of(),
        null,
        env.oneIn(8) ? true : null,
        null,
        end);
  }

  /** Of a list of minutes, which {@link #minutes} reads. */
  private String randomCron() {
    int period = 4 + env.random.nextInt(5);
    StringBuilder minutes = new StringBuilder();
    for (int minute = env.random.nextInt(period); minute < 60; minute += period) {
      minutes.append(minutes.isEmpty() ? "" : ",").append(minute);
    }
    return minutes + " * * * *";
  }

  private static SortedSet<Integer> minutes(List<String> crons) {
    SortedSet<Integer> minutes = new TreeSet<>();
    for (String cron : crons) {
      for (String minute : cron.substring(0, cron.indexOf(' ')).split(",", -1)) {
        minutes.add(Integer.valueOf(minute));
      }
    }
    return minutes;
  }

  // ---- PipelineRuns of users under the names of ticks

  /**
   * @param another whether it asks for another run than the tick
   */
  private void applyRun(SimCluster where, boolean another) {
    String client = env.any(CLIENTS).orElseThrow();
    String zone = env.any(ZONES).orElseThrow();
    Instant hour = env.now().plus(Duration.ofMinutes(env.random.nextInt(60)));
    String date = CronTimes.businessDate(hour, zone);
    RunKey key = new RunKey(HOURLY.namespace(), RunNames.of(HOURLY.name(), client, date));
    if (where.runs.containsKey(key)) {
      return;
    }
    env.counts.count(another ? Fault.TICK_NAME_TAKEN : Fault.TICK_APPLIED);
    where.createRun(
        key,
        new PipelineRunSpec(
            another ? null : new ScheduleRef(HOURLY.name()),
            another ? PIPELINE : null,
            client,
            date,
            List.of(),
            null,
            null,
            DesiredState.Running,
            null,
            null,
            null,
            null,
            null),
        false);
  }

  /**
   * Those that would wait for a schedule, or for a client of it, without end, and those that keep
   * the PipelineRun of a tick from being created.
   */
  void deleteStuckRuns() {
    for (SimCluster c : env.clusters()) {
      c.runs.values().removeIf(o -> isOfTick(o.key()) && !isRunOfLedger(o));
    }
  }

  private boolean isRunOfLedger(RunObject object) {
    return Optional.ofNullable(env.ledger.run(object.key()))
        .filter(run -> object.asksFor(run.definition().requestSha()))
        .isPresent();
  }

  /** Whether a run has the name of a tick. */
  static boolean isOfTick(RunKey run) {
    return run.name().startsWith(HOURLY.name() + "-");
  }
}
