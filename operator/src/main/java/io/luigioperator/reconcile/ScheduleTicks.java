/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.luigioperator.run.Reasons;
import io.luigioperator.run.ScheduleKey;
import io.luigioperator.run.ScheduleObject;
import io.luigioperator.run.TickSummary;
import io.luigioperator.run.TickSummary.Problem;
import io.luigioperator.schedule.TickRules;
import java.time.Instant;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/** One schedule of this cluster in memory. Used by the thread of {@link TickLoop} only. */
final class ScheduleTicks {

  private final Map<String, ClientTicks> clients = new HashMap<>();
  private final Map<String, Problem> unusable = new HashMap<>();
  private final Map<String, Unreadable> unreadable = new HashMap<>();
  private final ScheduleKey key;
  private String uid = "";
  private long generation;
  private Optional<Instant> lastFired = Optional.empty();
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

  TickSummary summary() {
    record Named(String client, Problem problem) {}
    Optional<Named> first =
        Stream.concat(
                unusable.entrySet().stream().map(e -> new Named(e.getKey(), e.getValue())),
                clients.values().stream()
                    .flatMap(c -> c.problem().map(p -> new Named(c.id(), p)).stream()))
            .min(Comparator.comparing(Named::client));
    int invalid =
        unusable.size()
            + Math.toIntExact(
                clients.values().stream().filter(c -> c.problem().isPresent()).count());
    return new TickSummary(
        clients.values().stream()
            .filter(c -> c.problem().isEmpty())
            .flatMap(c -> c.next().stream())
            .min(Comparator.naturalOrder()),
        lastFired,
        Math.toIntExact(clients.values().stream().filter(c -> c.rules().suspended()).count()),
        invalid,
        first.map(Named::problem));
  }

  /** Of a schedule whose cron times another cluster decides. */
  static TickSummary ofOtherCluster(String owner) {
    return new TickSummary(
        Optional.empty(),
        Optional.empty(),
        0,
        0,
        Optional.of(
            new Problem(
                Reasons.OTHER_CLUSTER,
                ("cluster %s has this schedule too and decides its cron times; delete the"
                        + " PipelineSchedule there to have this cluster decide them")
                    .formatted(owner))));
  }
}
