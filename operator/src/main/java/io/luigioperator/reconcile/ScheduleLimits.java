/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.luigioperator.ledger.Ledger;
import io.luigioperator.ledger.LedgerUnavailable;
import io.luigioperator.ledger.ScheduleLedger.LimitChange;
import io.luigioperator.ledger.ScheduleLedger.LimitedSchedule;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.RunSnapshot.LimitUse;
import io.luigioperator.run.RunState;
import io.luigioperator.run.ScheduleKey;
import io.luigioperator.run.ScheduleObject;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps the runs of schedules within maxConcurrentRuns: it writes the limits of this cluster's
 * schedules into the ledger, and has runs released or held after each change that may matter. What
 * is in memory only saves queries.
 *
 * <p>{@link #pass} runs on the thread of its loop, and {@link #sweep} on that of the sweep; all
 * methods may be called by several threads at once.
 */
public final class ScheduleLimits {

  private static final Logger LOG = LoggerFactory.getLogger(ScheduleLimits.class);

  /** Schedules that one sweep looks at. */
  private static final int PAGE = 100;

  /** Normally a signal starts a pass. */
  private static final Duration LONGEST_PAUSE = Duration.ofMinutes(15);

  private final Ledger ledger;
  private final Signal signal;
  private final Runnable released;
  private volatile Consumer<RunKey> wake = run -> {};

  /** The limits that this leadership has applied; empty: none. */
  private final Map<ScheduleKey, Optional<Integer>> applied = new ConcurrentHashMap<>();

  /** The schedules that have a limit in the ledger, as far as known, with its use as read last. */
  private final Map<ScheduleKey, LimitedSchedule> limited = new ConcurrentHashMap<>();

  private final Set<ScheduleKey> changed = ConcurrentHashMap.newKeySet();
  private volatile boolean leadershipBegan;
  private Optional<ScheduleKey> cursor = Optional.empty();

  /**
   * @param signal wakes the loop
   * @param released called after runs were released; must have them admitted soon
   */
  public ScheduleLimits(Ledger ledger, Signal signal, Runnable released) {
    this.ledger = ledger;
    this.signal = signal;
    this.released = released;
  }

  /** Sets what is called for each run that was released or held; must have it reconciled soon. */
  public void onChange(Consumer<RunKey> listener) {
    wake = listener;
  }

  /** What an earlier leadership has read may be outdated. */
  public void leadershipBegins() {
    applied.clear();
    leadershipBegan = true;
  }

  /** Writes the limit of a schedule of this cluster into the ledger. */
  void apply(ScheduleObject object) {
    ScheduleKey schedule = object.key();
    Optional<Integer> maxRuns = Optional.ofNullable(object.spec().maxConcurrentRuns());
    if (maxRuns.equals(applied.get(schedule))) {
      return; // another cluster may have set another one since, which then counts
    }
    ledger.schedules().limit(schedule, maxRuns);
    applied.put(schedule, maxRuns);
    changed.add(schedule);
    signal.raise();
  }

  /** The object of this schedule was deleted; its limit in the ledger remains. */
  void forget(ScheduleKey schedule) {
    applied.remove(schedule);
  }

  /** Runs of a schedule were accepted. */
  void changed(ScheduleKey schedule) {
    if (limited.containsKey(schedule)
        || applied.getOrDefault(schedule, Optional.empty()).isPresent()) {
      changed.add(schedule);
      signal.raise();
    }
  }

  /** A run was found in this state, in which its schedule may release it, or another one. */
  public void changed(Run run) {
    Optional<ScheduleKey> schedule = run.definition().scheduleKey();
    if (schedule.isEmpty()) {
      return;
    }
    if (run.waitsForLimit()) {
      changed.add(schedule.get()); // it has a limit, also if another cluster has set it
      signal.raise();
    } else if (!run.countsAgainstLimit() || isReadyAgain(run)) {
      changed(schedule.get());
    }
  }

  /** The limit may have been lowered while it waited for its next attempt. */
  private static boolean isReadyAgain(Run run) {
    return run.state() == RunState.READY && run.budget().claims() > 0;
  }

  /** The limit of a schedule as it was used last; empty if it has none, or if that is unknown. */
  Optional<LimitUse> use(ScheduleKey schedule) {
    return Optional.ofNullable(limited.get(schedule))
        .flatMap(use -> use.maxRuns().map(max -> new LimitUse(max, use.counting())));
  }

  /**
   * Releases and holds runs of the schedules that have changed.
   *
   * @return the longest time until the next pass
   */
  public Duration pass() {
    if (leadershipBegan) {
      limited.clear();
      readAll();
      leadershipBegan = false;
    }
    for (ScheduleKey schedule : List.copyOf(changed)) {
      changed.remove(schedule);
      enforce(schedule);
    }
    return LONGEST_PAUSE;
  }

  private void readAll() {
    Optional<ScheduleKey> after = Optional.empty();
    List<LimitedSchedule> page;
    do {
      page = read(after);
      after = page.isEmpty() ? after : Optional.of(page.getLast().schedule());
    } while (page.size() == PAGE);
  }

  private List<LimitedSchedule> read(Optional<ScheduleKey> after) {
    List<LimitedSchedule> page = ledger.schedules().limited(after, PAGE);
    for (LimitedSchedule use : page) {
      limited.put(use.schedule(), use);
      if (use.isUnsettled()) {
        changed.add(use.schedule());
      }
    }
    return page;
  }

  /**
   * Looks at some of the schedules with a limit, each time at the next ones, for the case that a
   * change was missed, or was made in a cluster that did not know the limit.
   */
  void sweep() {
    List<LimitedSchedule> page = read(cursor);
    cursor = page.size() < PAGE ? Optional.empty() : Optional.of(page.getLast().schedule());
    for (LimitedSchedule use : page) {
      if (changed.remove(use.schedule())) {
        enforce(use.schedule());
      }
    }
  }

  private void enforce(ScheduleKey schedule) {
    try {
      LimitChange change;
      do {
        change = ledger.schedules().enforceLimit(schedule);
        change
            .before()
            .ifPresentOrElse(use -> limited.put(schedule, use), () -> limited.remove(schedule));
        if (change.changed().stream().anyMatch(run -> run.state() == RunState.READY)) {
          released.run();
        }
        change.changed().forEach(run -> wake.accept(run.key()));
      } while (!change.changed().isEmpty());
    } catch (LedgerUnavailable e) {
      changed.add(schedule);
      signal.raise();
      throw e;
    } catch (RuntimeException e) {
      LOG.atError()
          .addKeyValue("schedule", schedule)
          .setCause(e)
          .log("the runs of this schedule are not released; the sweep tries again");
    }
  }
}
