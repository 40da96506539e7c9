/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.luigioperator.run.Reasons;
import io.luigioperator.run.ScheduleKey;
import io.luigioperator.run.ScheduleObject;
import io.luigioperator.run.TickSummary;
import io.luigioperator.run.TickSummary.Applied;
import io.luigioperator.run.TickSummary.BackfillProgress;
import io.luigioperator.run.TickSummary.Problem;
import io.luigioperator.schedule.TickRules;
import java.time.Instant;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** One schedule of this cluster in memory. Used by the thread of {@link TickLoop} only. */
final class ScheduleTicks {

  private final Map<String, ClientTicks> clients = new HashMap<>();
  private final Map<String, Problem> unusable = new HashMap<>();
  private final Map<String, Unreadable> unreadable = new HashMap<>();
  private final ScheduleKey key;
  private String uid = "";
  private long generation;
  private Optional<Instant> lastFired = Optional.empty();
  private List<BackfillProgress> backfills = List.of();
  private boolean isNew;

  /**
   * @param isNew whether the ledger had no row of its clients
   */
  ScheduleTicks(ScheduleKey key, boolean isNew) {
    this.key = key;
    this.isNew = isNew;
  }

  boolean isNew() {
    return isNew;
  }

  ScheduleKey key() {
    return key;
  }

  /** This spec is applied from now on; problems of the one before are forgotten. */
  void apply(ScheduleObject object) {
    uid = object.uid();
    generation = object.generation();
    isNew = false;
    unusable.clear();
  }

  /** Whether the spec of this object is the one that was applied last. */
  boolean isApplied(ScheduleObject object) {
    return object.uid().equals(uid) && object.generation() == generation;
  }

  Optional<ClientTicks> client(String id) {
    return Optional.ofNullable(clients.get(id));
  }

  Collection<ClientTicks> clients() {
    return clients.values();
  }

  void put(ClientTicks ticks) {
    clients.put(ticks.id(), ticks);
    unusable.remove(ticks.id());
  }

  void remove(String id) {
    clients.remove(id);
  }

  /**
   * A row whose rules cannot be read, for example because its time zone does not exist any more.
   */
  private record Unreadable(Instant decidedUntil, String json) {}

  void putUnreadable(String id, Instant decidedUntil, String json) {
    unreadable.put(id, new Unreadable(decidedUntil, json));
  }

  /**
   * The client as it is stored.
   *
   * @param instead the rules to use if the stored ones cannot be read
   */
  Optional<ClientTicks> stored(String id, TickRules instead) {
    Unreadable row = unreadable.remove(id);
    return row == null
        ? client(id)
        : Optional.of(ClientTicks.of(id, row.decidedUntil(), instead, row.json()));
  }

  /** A client whose rules are invalid and that has no earlier ones. */
  void putUnusable(String id, Problem problem) {
    unusable.put(id, problem);
  }

  void fired(Instant cronTime) {
    lastFired = lastFired.filter(t -> t.isAfter(cronTime)).or(() -> Optional.of(cronTime));
  }

  /**
   * @return whether a backfill is new or has another state
   */
  boolean show(List<BackfillProgress> progress) {
    boolean changed = !states(progress).equals(states(backfills));
    backfills = progress;
    return changed;
  }

  private static Map<String, String> states(List<BackfillProgress> progress) {
    return progress.stream()
        .collect(Collectors.toMap(BackfillProgress::name, BackfillProgress::state));
  }

  /** Of the clients whose cron times are not decided, by id. */
  SortedMap<String, Problem> problems() {
    SortedMap<String, Problem> problems = new TreeMap<>(unusable);
    clients.values().forEach(c -> c.problem().ifPresent(p -> problems.put(c.id(), p)));
    return problems;
  }

  /** Without the health of the clients. */
  TickSummary summary() {
    SortedMap<String, Problem> problems = problems();
    return new TickSummary(
        Optional.of(new Applied(uid, generation)),
        clients.values().stream()
            .filter(c -> c.problem().isEmpty())
            .flatMap(c -> c.next().stream())
            .min(Comparator.naturalOrder()),
        lastFired,
        Math.toIntExact(clients.values().stream().filter(c -> c.rules().suspended()).count()),
        problems.size(),
        problems.values().stream().findFirst(),
        Optional.empty(),
        backfills);
  }

  /** Of a schedule whose cron times another cluster decides. */
  static TickSummary ofOtherCluster(String owner, ScheduleObject schedule) {
    return new TickSummary(
        Optional.of(Applied.of(schedule)),
        Optional.empty(),
        Optional.empty(),
        0,
        0,
        Optional.of(
            new Problem(
                Reasons.OTHER_CLUSTER,
                ("cluster %s has this schedule too and decides its cron times; delete the"
                        + " PipelineSchedule there to have this cluster decide them")
                    .formatted(owner))),
        Optional.empty(),
        List.of());
  }
}
