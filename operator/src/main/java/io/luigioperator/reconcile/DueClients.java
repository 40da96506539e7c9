/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.luigioperator.run.ScheduleKey;
import java.time.Instant;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashSet;
import java.util.Optional;
import java.util.PriorityQueue;
import java.util.Set;

/**
 * The clients of all schedules by their next cron time, so that nothing polls. Used by the thread
 * of {@link TickLoop} only.
 */
final class DueClients {

  /** Clients of one schedule whose cron time has come. */
  record Batch(ScheduleKey schedule, Set<String> clients) {}

  /** A client in the queue; outdated once the client has another next cron time. */
  private record Due(Instant time, ScheduleKey schedule, String client) {}

  /** Clients of one schedule that are due together follow each other, and are decided together. */
  private final PriorityQueue<Due> queue =
      new PriorityQueue<>(Comparator.comparing(Due::time).thenComparing(Due::schedule));

  /** Adds a client, unless it has no cron time that can be decided. */
  void add(ScheduleKey schedule, ClientTicks client) {
    if (client.problem().isEmpty()) {
      client.next().ifPresent(time -> queue.add(new Due(time, schedule, client.id())));
    }
  }

  void replaceBy(Collection<ScheduleTicks> schedules) {
    clear();
    schedules.forEach(ticks -> ticks.clients().forEach(client -> add(ticks.key(), client)));
  }

  void clear() {
    queue.clear();
  }

  /** Removes the next clients of one schedule that are due; empty if none is. */
  Optional<Batch> poll(Instant now, int atMost) {
    if (!isDue(now)) {
      return Optional.empty();
    }
    ScheduleKey schedule = queue.element().schedule();
    Set<String> clients = new HashSet<>();
    while (isDue(now) && queue.element().schedule().equals(schedule) && clients.size() < atMost) {
      clients.add(queue.remove().client());
    }
    return Optional.of(new Batch(schedule, clients));
  }

  private boolean isDue(Instant now) {
    return next().filter(time -> !time.isAfter(now)).isPresent();
  }

  /** The next cron time of a client; empty if there is none. */
  Optional<Instant> next() {
    return Optional.ofNullable(queue.peek()).map(Due::time);
  }
}
