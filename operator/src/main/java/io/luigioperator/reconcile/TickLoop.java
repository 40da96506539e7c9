/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.luigioperator.api.PipelineScheduleSpec;
import io.luigioperator.api.ScheduleClient;
import io.luigioperator.job.Kube;
import io.luigioperator.job.KubeUnavailable;
import io.luigioperator.ledger.Ledger;
import io.luigioperator.ledger.LedgerUnavailable;
import io.luigioperator.ledger.ScheduleLedger.OwnedSchedule;
import io.luigioperator.ops.Metrics;
import io.luigioperator.reconcile.DueClients.Batch;
import io.luigioperator.reconcile.TickDecisionRunner.Work;
import io.luigioperator.run.ClusterIdentity;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.ScheduleKey;
import io.luigioperator.run.ScheduleObject;
import io.luigioperator.run.TickSummary;
import io.luigioperator.run.TickSummary.BackfillProgress;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps the schedules of this cluster in memory, and has each cron time decided when it comes. The
 * clients of all schedules wait in one queue by their next cron time, so that nothing polls.
 *
 * <p>{@link #changed}, {@link #runEnded} and {@link #summary} may be called by several threads at
 * once; everything else runs on the thread of the loop.
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

  /** Normally the end of a run moves a backfill on. */
  private static final Duration BACKFILLS = Duration.ofMinutes(1);

  private final Ledger ledger;
  private final Kube kube;
  private final String cluster;
  private final TickDecisionRunner runner;
  private final ScheduleChanges changes;
  private final ScheduleHealth health;
  private final BackfillRunner backfills;
  private final ScheduleLimits limits;
  private final ScheduleDeletions deletions;
  private final HistoryLimits history;
  private final Signal signal;

  private final Set<ScheduleKey> changed = ConcurrentHashMap.newKeySet();

  /** The clients whose runs have ended since the last pass, of any schedule. */
  private final Map<ScheduleKey, Set<String>> ended = new ConcurrentHashMap<>();

  private final TickSummaries summaries = new TickSummaries();
  private volatile boolean leadershipBegan;

  private final Map<ScheduleKey, ScheduleTicks> schedules = new HashMap<>();

  /** Schedules that never had crons, by what their status shows without the health. */
  private final Map<ScheduleKey, TickSummary> withoutCrons = new HashMap<>();

  private final Set<ScheduleKey> owned = new HashSet<>();

  /** Those of {@link #owned} that another cluster may own by now. */
  private final Set<ScheduleKey> ownerUnknown = new HashSet<>();

  private final DueClients queue = new DueClients();
  private final Map<ScheduleKey, Instant> retryAt = new HashMap<>();

  /** When the backfills of a schedule are looked at again, also without an event. */
  private final Map<ScheduleKey, Instant> backfillsAt = new HashMap<>();

  private boolean queueIncomplete;

  /**
   * @param shared whether other clusters use the ledger
   * @param signal wakes the loop
   * @param accepted called after runs were accepted; must have them admitted soon
   * @param canceled called after a waiting run was canceled; must have it reconciled soon
   */
  public TickLoop(
      Ledger ledger,
      Kube kube,
      String cluster,
      boolean shared,
      Signal signal,
      ScheduleLimits limits,
      Runnable accepted,
      Consumer<RunKey> canceled,
      Metrics metrics) {
    this.ledger = ledger;
    this.kube = kube;
    this.cluster = cluster;
    this.health = new ScheduleHealth(ledger, shared, metrics);
    this.limits = limits;
    Consumer<ScheduleKey> acceptedOf =
        schedule -> {
          accepted.run();
          limits.changed(schedule);
        };
    this.runner = new TickDecisionRunner(ledger, kube, cluster, acceptedOf, health, metrics);
    this.changes = new ScheduleChanges(ledger, cluster, runner);
    this.backfills = new BackfillRunner(ledger, kube, cluster, acceptedOf, canceled, health);
    this.deletions =
        new ScheduleDeletions(
            ledger,
            kube,
            cluster,
            run -> {
              canceled.accept(run);
              accepted.run(); // the next run of its key may be the head now
            });
    this.history = new HistoryLimits(ledger, kube);
    this.signal = signal;
  }

  @Override
  public void onChange(Consumer<ScheduleKey> listener) {
    summaries.onChange(listener);
  }

  @Override
  public void changed(ScheduleKey schedule) {
    changed.add(schedule);
    signal.raise();
  }

  /** A run that refers to a schedule has ended. */
  public void runEnded(Run run) {
    ended.compute(
        run.definition().scheduleKey().orElseThrow(),
        (schedule, known) -> {
          Set<String> clients = known == null ? new HashSet<>() : known;
          clients.add(run.definition().client());
          return clients;
        });
    signal.raise();
  }

  /** What an earlier leadership has read may be outdated. */
  public void leadershipBegins() {
    leadershipBegan = true;
  }

  @Override
  public TickSummary summary(ScheduleKey schedule) {
    return summaries.get(schedule);
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
    runner.timeWasRead(now);
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
      for (ScheduleKey schedule : List.copyOf(ended.keySet())) {
        Set<String> clients = Objects.requireNonNull(ended.remove(schedule)); // only here
        history.ended(schedule, clients); // also if another cluster decides its cron times
        ScheduleTicks ticks = schedules.get(schedule);
        if (ticks == null) {
          health.outdated(schedule, clients); // it has no crons, or is not known
        } else {
          handle(schedule, now, () -> runsEnded(ticks, clients, now));
        }
      }
      backfillsAt.entrySet().stream()
          .filter(e -> !e.getValue().isAfter(now))
          .map(Map.Entry::getKey)
          .filter(schedules::containsKey) // otherwise it is read again soon, and its backfills, too
          .toList()
          .forEach(schedule -> handle(schedule, now, () -> runBackfills(schedule, now)));
      health.read(now).forEach(this::outdated);
      concludeDeletions(now);
      history.pass();
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
    withoutCrons.clear();
    health.clear();
    summaries.clear();
    owned.clear();
    ownerUnknown.clear();
    queue.clear();
    retryAt.clear();
    backfillsAt.clear();
    backfills.forgetAll();
    deletions.begin();
    Optional<ScheduleKey> after = Optional.empty();
    List<OwnedSchedule> page;
    do {
      page = ledger.schedules().owned(cluster, after, PAGE);
      for (OwnedSchedule schedule : page) {
        owned.add(schedule.key());
        deletions.owned(schedule);
      }
      after = page.isEmpty() ? after : Optional.of(page.getLast().key());
    } while (page.size() == PAGE);
    changed.addAll(owned); // one that was deleted while no operator ran has no event
  }

  // ---- changes of schedules

  private void takeOver(ScheduleKey key) {
    Optional<ScheduleObject> object = kube.schedule(key.namespace(), key.name());
    if (object.isEmpty()) {
      forget(key, ledger.queries().now());
      return;
    }
    deletions.found(key);
    if (object.get().parsedSpec().problem().isPresent()) {
      schedules.remove(key); // its ticks wait until it can be read again
      return;
    }
    // read after the spec: a cron time that came before the spec is decided by the old rules
    Instant now = ledger.queries().now();
    Optional<ScheduleTicks> known = known(object.get(), now);
    // also of a schedule without crons, and of one whose cron times another cluster decides
    limits.apply(object.get());
    if (known.isEmpty()) {
      return;
    }
    ScheduleTicks ticks = known.get();
    deletions.apply(object.get());
    if (!changes.apply(ticks, object.get(), now)) {
      readAgain(key, now);
      return;
    }
    ticks.clients().forEach(client -> queue.add(key, client));
    applied(key, object.get());
    backfills.forget(key);
    backfillsAt.put(key, Instant.MIN); // in this pass; also without any: one may have been removed
  }

  /** The status follows at once. */
  private void applied(ScheduleKey key, ScheduleObject object) {
    health.list(
        key, object.spec().clients().stream().map(ScheduleClient::id).collect(Collectors.toSet()));
    outdated(key);
    summaries.allow(key);
  }

  /** The ticks of a deleted schedule remain; if it comes back, they continue where they were. */
  private void forget(ScheduleKey key, Instant now) {
    schedules.remove(key);
    withoutCrons.remove(key);
    health.forget(key);
    summaries.forget(key);
    backfillsAt.remove(key);
    backfills.forget(key);
    limits.forget(key);
    if (owned.contains(key)) {
      deletions.missing(key, now);
    }
  }

  private void concludeDeletions(Instant now) {
    ScheduleDeletions.Conclusion conclusion;
    try {
      conclusion = deletions.conclude(owned.size(), now);
    } catch (LedgerUnavailable | KubeUnavailable e) {
      throw e;
    } catch (RuntimeException e) {
      deletions.postpone(now);
      LOG.atError()
          .setCause(e)
          .log("deletions of schedules were not concluded; tried again in a minute");
      return;
    }
    conclusion
        .givenUp()
        .forEach(
            schedule -> {
              owned.remove(schedule);
              ownerUnknown.remove(schedule);
            });
    // the cache will show them, too
    conclusion.exist().forEach(schedule -> retryAt.put(schedule, now.plus(READ_AGAIN)));
  }

  /** Empty if it creates no runs and never did, or if another cluster owns it. */
  private Optional<ScheduleTicks> known(ScheduleObject object, Instant now) {
    ScheduleKey key = object.key();
    ScheduleTicks before = schedules.get(key);
    if (before != null) {
      return Optional.of(before);
    }
    if (!owned.contains(key) || ownerUnknown.contains(key)) {
      if (!owned.contains(key) && !createsRuns(object.spec())) {
        withoutCrons.put(key, TickSummary.withoutCrons(object));
        applied(key, object);
        return Optional.empty();
      }
      withoutCrons.remove(key);
      String owner = ledger.schedules().own(key, cluster);
      ownerUnknown.remove(key);
      deletions.ownedAgain(key);
      if (!owner.equals(cluster)) {
        owned.remove(key);
        health.forget(key);
        summaries.put(
            key, ScheduleTicks.ofOtherCluster(ClusterIdentity.clusterIdOf(owner), object));
        summaries.allow(key);
        retryAt.put(key, now.plus(OWNER_RETRY)); // the owner may be retired, or give it up
        return Optional.empty();
      }
      owned.add(key);
      limits.forget(key); // the owner before may have set another one, and may be gone
    }
    ScheduleTicks ticks = StoredTicks.read(ledger.schedules(), key);
    health.forget(key); // another leader may have created runs
    schedules.put(key, ticks);
    return Optional.of(ticks);
  }

  private static boolean createsRuns(PipelineScheduleSpec spec) {
    return !spec.crons().isEmpty()
        || !spec.backfills().isEmpty()
        || spec.clients().stream().anyMatch(client -> !client.crons().isEmpty());
  }

  // ---- cron times

  private void decideDue(Instant now) {
    for (Optional<Batch> next = queue.poll(now, TickDecisionRunner.CLIENTS);
        next.isPresent();
        next = queue.poll(now, TickDecisionRunner.CLIENTS)) {
      Batch due = next.get();
      ScheduleTicks ticks = schedules.get(due.schedule());
      if (ticks != null) {
        handle(due.schedule(), now, () -> decide(ticks, due.clients(), now));
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
    due.forEach(id -> ticks.client(id).ifPresent(client -> queue.add(ticks.key(), client)));
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

  /** After a pass that failed, clients may be missing in the queue. */
  private void refillQueue() {
    if (queueIncomplete) {
      queue.replaceBy(schedules.values());
      queueIncomplete = false;
    }
  }

  // ---- runs that have ended

  private void runsEnded(ScheduleTicks ticks, Set<String> clients, Instant now) {
    health.outdated(ticks.key(), clients);
    backfillsAt.computeIfPresent(ticks.key(), (key, time) -> now);
  }

  // ---- backfills

  private void runBackfills(ScheduleKey key, Instant now) {
    backfillsAt.remove(key);
    ScheduleTicks ticks = Objects.requireNonNull(schedules.get(key), "a schedule in memory");
    Optional<ScheduleObject> object =
        kube.schedule(key.namespace(), key.name()).filter(ticks::isApplied);
    if (object.isEmpty()) {
      changed(key);
      return;
    }
    switch (backfills.pass(object.get(), now, progress -> show(ticks, progress))) {
      case NOTHING -> {}
      case WAITING -> backfillsAt.put(key, now.plus(BACKFILLS));
      case DATES -> backfillsAt.put(key, now);
      case STALE -> {
        backfills.forget(key);
        readAgain(key, now);
      }
    }
    outdated(key);
  }

  /** Progress is shown once a minute; that a backfill has begun or ended, at once. */
  private void show(ScheduleTicks ticks, List<BackfillProgress> progress) {
    if (ticks.show(progress)) {
      summaries.allow(ticks.key());
    }
  }

  // ---- status

  private void outdated(ScheduleKey key) {
    ScheduleTicks ticks = schedules.get(key);
    TickSummary idle = withoutCrons.get(key);
    if (ticks != null) {
      summaries.put(key, ticks.summary().with(health.summary(key, ticks.problems())));
    } else if (idle != null) {
      summaries.put(key, idle.with(health.summary(key, Map.of())));
    }
  }

  private Duration pauseAfter(Instant now) {
    Instant next =
        Stream.of(
                queue.next().stream(),
                retryAt.values().stream(),
                backfillsAt.values().stream(),
                health.nextRead(now).stream(),
                deletions.next().stream(),
                history.isPending() ? Stream.of(now.plus(READ_AGAIN)) : Stream.<Instant>empty(),
                summaries.writeOutdated(now).stream())
            .flatMap(times -> times)
            .min(Comparator.naturalOrder())
            .filter(time -> time.isBefore(now.plus(LONGEST_PAUSE)))
            .orElse(now.plus(LONGEST_PAUSE));
    Duration pause = Duration.between(now, next);
    return pause.compareTo(SHORTEST_PAUSE) < 0 ? SHORTEST_PAUSE : pause;
  }
}
