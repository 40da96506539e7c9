/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.luigioperator.api.PipelineScheduleSpec;
import io.luigioperator.job.Kube;
import io.luigioperator.job.KubeUnavailable;
import io.luigioperator.ledger.Ledger;
import io.luigioperator.ledger.LedgerUnavailable;
import io.luigioperator.ledger.ScheduleLedger.ScheduledClient;
import io.luigioperator.ops.Metrics;
import io.luigioperator.reconcile.TickDecisionRunner.Work;
import io.luigioperator.run.ClusterIdentity;
import io.luigioperator.run.ScheduleKey;
import io.luigioperator.run.ScheduleObject;
import io.luigioperator.run.TickSummary;
import io.luigioperator.schedule.ClientRules;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.PriorityQueue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps the schedules of this cluster in memory, and has each cron time decided when it comes. The
 * clients of all schedules wait in one queue by their next cron time, so that nothing polls.
 *
 * <p>{@link #changed} and {@link #summary} may be called by several threads at once; everything
 * else runs on the thread of the loop.
 */
public final class TickLoop implements TickSource {

  private static final Logger LOG = LoggerFactory.getLogger(TickLoop.class);

  private static final int PAGE = 1_000;

  /** Without a change and without a cron time, for the case that the clocks drift apart. */
  private static final Duration LONGEST_PAUSE = Duration.ofMinutes(15);

  private static final Duration SHORTEST_PAUSE = Duration.ofMillis(10);

  private static final Duration RETRY = Duration.ofMinutes(1);
  private static final Duration READ_AGAIN = Duration.ofSeconds(1);
  private static final Duration OWNER_RETRY = Duration.ofMinutes(15);

  /** A status is written at most so often because of cron times. */
  private static final Duration STATUS_INTERVAL = Duration.ofMinutes(1);

  /** A client in the queue; outdated once the client has another next cron time. */
  private record Due(Instant time, ScheduleKey schedule, String client) {}

  private final Ledger ledger;
  private final Kube kube;
  private final String cluster;
  private final TickDecisionRunner runner;
  private final ScheduleChanges changes;
  private final Signal signal;

  private volatile Consumer<ScheduleKey> statusChanged = schedule -> {};
  private final Set<ScheduleKey> changed = ConcurrentHashMap.newKeySet();
  private final Map<ScheduleKey, TickSummary> summaries = new ConcurrentHashMap<>();
  private volatile boolean leadershipBegan;

  private final Map<ScheduleKey, ScheduleTicks> schedules = new HashMap<>();
  private final Set<ScheduleKey> owned = new HashSet<>();

  /** Those of {@link #owned} that another cluster may own by now. */
  private final Set<ScheduleKey> ownerUnknown = new HashSet<>();

  /** Clients of one schedule that are due together follow each other, and are decided together. */
  private final PriorityQueue<Due> queue =
      new PriorityQueue<>(Comparator.comparing(Due::time).thenComparing(Due::schedule));

  private final Map<ScheduleKey, Instant> statusAllowedAt = new HashMap<>();
  private final Set<ScheduleKey> outdatedStatus = new HashSet<>();
  private final Map<ScheduleKey, Instant> retryAt = new HashMap<>();
  private boolean queueIncomplete;

  /**
   * @param signal wakes the loop
   * @param accepted called after runs were accepted; must have them admitted soon
   */
  public TickLoop(
      Ledger ledger, Kube kube, String cluster, Signal signal, Runnable accepted, Metrics metrics) {
    this.ledger = ledger;
    this.kube = kube;
    this.cluster = cluster;
    this.runner = new TickDecisionRunner(ledger, kube, cluster, accepted, metrics);
    this.changes = new ScheduleChanges(ledger, cluster, runner);
    this.signal = signal;
  }

  @Override
  public void onChange(Consumer<ScheduleKey> listener) {
    statusChanged = listener;
  }

  @Override
  public void changed(ScheduleKey schedule) {
    changed.add(schedule);
    signal.raise();
  }

  /** What an earlier leadership has read may be outdated. */
  public void leadershipBegins() {
    leadershipBegan = true;
  }

  @Override
  public TickSummary summary(ScheduleKey schedule) {
    return summaries.getOrDefault(schedule, TickSummary.EMPTY);
  }

  /**
   * Takes over the schedules that have changed, and decides the cron times that have come.
   *
   * @return the time until the next cron time
   */
  public Duration pass() {
    if (leadershipBegan) {
      leadershipBegan = false;
      try {
        begin();
      } catch (RuntimeException e) {
        leadershipBegan = true; // otherwise schedules deleted before would stay owned
        throw e;
      }
    }
    Instant now = ledger.queries().now();
    boolean complete = false;
    try {
      refillQueue();
      retryAt.forEach(
          (schedule, time) -> {
            if (!time.isAfter(now)) {
              changed.add(schedule);
            }
          });
      for (ScheduleKey schedule : List.copyOf(changed)) {
        changed.remove(schedule);
        handle(schedule, now, () -> takeOver(schedule));
      }
      decideDue(now);
      complete = true;
    } finally {
      queueIncomplete |= !complete;
    }
    return pauseAfter(now);
  }

  /**
   * An error of one schedule must not keep the others from their cron times. What is in memory of
   * it may be half changed then, so its rows are read again.
   */
  private void handle(ScheduleKey schedule, Instant now, Runnable work) {
    retryAt.remove(schedule);
    try {
      work.run();
    } catch (LedgerUnavailable | KubeUnavailable e) {
      schedules.remove(schedule);
      changed.add(schedule);
      throw e;
    } catch (RuntimeException e) {
      schedules.remove(schedule);
      retryAt.put(schedule, now.plus(RETRY));
      LOG.atError()
          .addKeyValue("schedule", schedule)
          .setCause(e)
          .log("the cron times of this schedule were not decided; tried again in a minute");
    }
  }

  private void begin() {
    schedules.clear();
    summaries.clear();
    owned.clear();
    ownerUnknown.clear();
    queue.clear();
    retryAt.clear();
    Optional<ScheduleKey> after = Optional.empty();
    List<ScheduleKey> page;
    do {
      page = ledger.schedules().owned(cluster, after, PAGE);
      owned.addAll(page);
      after = page.isEmpty() ? after : Optional.of(page.getLast());
    } while (page.size() == PAGE);
    changed.addAll(owned); // one that was deleted while no operator ran has no event
  }

  // ---- changes of schedules

  private void takeOver(ScheduleKey key) {
    Optional<ScheduleObject> object = kube.schedule(key.namespace(), key.name());
    if (object.isEmpty()) {
      forget(key);
      return;
    }
    if (object.get().parsedSpec().problem().isPresent()) {
      schedules.remove(key); // its ticks wait until it can be read again
      return;
    }
    // read after the spec: a cron time that came before the spec is decided by the old rules
    Instant now = ledger.queries().now();
    Optional<ScheduleTicks> known = known(object.get(), now);
    if (known.isEmpty()) {
      return;
    }
    ScheduleTicks ticks = known.get();
    if (!changes.apply(ticks, object.get(), now)) {
      readAgain(key, now);
      return;
    }
    ticks.clients().forEach(client -> enqueue(key, client));
    outdated(key);
    statusAllowedAt.remove(key);
  }

  /** The ticks of a deleted schedule remain; if it comes back, they continue where they were. */
  private void forget(ScheduleKey key) {
    schedules.remove(key);
    summaries.remove(key);
    outdatedStatus.remove(key);
    statusAllowedAt.remove(key);
    if (owned.contains(key)) {
      ledger.schedules().disown(key, cluster);
      owned.remove(key);
      ownerUnknown.remove(key);
    }
  }

  /** Empty if it has no crons and never had any, or if another cluster owns it. */
  private Optional<ScheduleTicks> known(ScheduleObject object, Instant now) {
    ScheduleKey key = object.key();
    ScheduleTicks before = schedules.get(key);
    if (before != null) {
      return Optional.of(before);
    }
    if (!owned.contains(key) || ownerUnknown.contains(key)) {
      if (!owned.contains(key) && !hasCrons(object.spec())) {
        return Optional.empty();
      }
      String owner = ledger.schedules().own(key, cluster);
      ownerUnknown.remove(key);
      if (!owner.equals(cluster)) {
        owned.remove(key);
        summaries.put(key, ScheduleTicks.ofOtherCluster(ClusterIdentity.clusterIdOf(owner)));
        retryAt.put(key, now.plus(OWNER_RETRY)); // the owner may be retired, or give it up
        statusChanged.accept(key);
        return Optional.empty();
      }
      owned.add(key);
    }
    ScheduleTicks ticks = load(key);
    schedules.put(key, ticks);
    return Optional.of(ticks);
  }

  private static boolean hasCrons(PipelineScheduleSpec spec) {
    return !spec.crons().isEmpty()
        || spec.clients().stream().anyMatch(client -> !client.crons().isEmpty());
  }

  private ScheduleTicks load(ScheduleKey key) {
    List<ScheduledClient> rows = rows(key);
    ScheduleTicks ticks = new ScheduleTicks(key, rows.isEmpty());
    Map<String, ClientRules.Stored> parsed = new HashMap<>();
    for (ScheduledClient row : rows) {
      row.rules().ifPresent(json -> load(ticks, row, json, parsed));
    }
    return ticks;
  }

  private static void load(
      ScheduleTicks ticks,
      ScheduledClient row,
      String json,
      Map<String, ClientRules.Stored> parsed) {
    try {
      ClientRules.Stored stored = parsed.computeIfAbsent(json, ClientRules::read);
      ticks.put(ClientTicks.of(row.client(), row.decidedUntil(), stored));
    } catch (IllegalArgumentException e) {
      LOG.atWarn()
          .addKeyValue("schedule", ticks.key())
          .addKeyValue("client", row.client())
          .addKeyValue("error", e.getMessage())
          .log("the stored rules of this client cannot be read; its present ones are used instead");
      ticks.putUnreadable(row.client(), row.decidedUntil(), json);
    }
  }

  private List<ScheduledClient> rows(ScheduleKey schedule) {
    List<ScheduledClient> rows = new ArrayList<>();
    List<ScheduledClient> page;
    do {
      Optional<String> after =
          rows.isEmpty() ? Optional.empty() : Optional.of(rows.getLast().client());
      page = ledger.schedules().clients(schedule, after, PAGE);
      rows.addAll(page);
    } while (page.size() == PAGE);
    return rows;
  }

  // ---- cron times

  private void decideDue(Instant now) {
    while (!queue.isEmpty() && !queue.peek().time().isAfter(now)) {
      ScheduleKey key = queue.peek().schedule();
      Set<String> due = new HashSet<>();
      while (!queue.isEmpty()
          && !queue.peek().time().isAfter(now)
          && queue.peek().schedule().equals(key)
          && due.size() < TickDecisionRunner.CLIENTS) {
        due.add(queue.poll().client());
      }
      ScheduleTicks ticks = schedules.get(key);
      if (ticks != null) {
        handle(key, now, () -> decide(ticks, due, now));
      }
    }
  }

  private void decide(ScheduleTicks ticks, Set<String> due, Instant now) {
    List<ClientTicks> clients = new ArrayList<>();
    for (String id : due) {
      ticks.client(id).filter(client -> client.isDue(now)).ifPresent(clients::add);
    }
    if (clients.isEmpty()) {
      return;
    }
    Optional<ScheduleObject> object =
        kube.schedule(ticks.key().namespace(), ticks.key().name()).filter(ticks::isApplied);
    if (object.isEmpty()) {
      changed(ticks.key()); // its new spec is applied first, which decides these cron times, too
      return;
    }
    if (!runner.decide(ticks, object.get(), clients.stream().map(Work::of).toList(), now)) {
      readAgain(ticks.key(), now);
      return;
    }
    due.forEach(id -> ticks.client(id).ifPresent(client -> enqueue(ticks.key(), client)));
    outdated(ticks.key());
  }

  /** Not at once, so that a row that is refused for another reason does not keep the loop busy. */
  private void readAgain(ScheduleKey key, Instant now) {
    LOG.atWarn()
        .addKeyValue("schedule", key)
        .log("another process has decided cron times of this schedule; its rows are read again");
    schedules.remove(key);
    ownerUnknown.add(key);
    retryAt.put(key, now.plus(READ_AGAIN));
  }

  private void enqueue(ScheduleKey key, ClientTicks client) {
    if (client.problem().isEmpty()) {
      client.next().ifPresent(time -> queue.add(new Due(time, key, client.id())));
    }
  }

  /** After a pass that failed, clients may be missing in the queue. */
  private void refillQueue() {
    if (queueIncomplete) {
      queue.clear();
      schedules
          .values()
          .forEach(ticks -> ticks.clients().forEach(client -> enqueue(ticks.key(), client)));
      queueIncomplete = false;
    }
  }

  // ---- status

  private void outdated(ScheduleKey key) {
    ScheduleTicks ticks = schedules.get(key);
    if (ticks != null) {
      TickSummary summary = ticks.summary();
      if (!summary.equals(summaries.put(key, summary))) {
        outdatedStatus.add(key);
      }
    }
  }

  private Duration pauseAfter(Instant now) {
    Instant next = now.plus(LONGEST_PAUSE);
    if (!queue.isEmpty() && queue.peek().time().isBefore(next)) {
      next = queue.peek().time();
    }
    for (Instant retry : retryAt.values()) {
      next = retry.isBefore(next) ? retry : next;
    }
    for (ScheduleKey key : List.copyOf(outdatedStatus)) {
      Instant allowed = statusAllowedAt.getOrDefault(key, now);
      if (!allowed.isAfter(now)) {
        outdatedStatus.remove(key);
        statusAllowedAt.put(key, now.plus(STATUS_INTERVAL));
        statusChanged.accept(key);
      } else if (allowed.isBefore(next)) {
        next = allowed;
      }
    }
    Duration pause = Duration.between(now, next);
    return pause.compareTo(SHORTEST_PAUSE) < 0 ? SHORTEST_PAUSE : pause;
  }
}
