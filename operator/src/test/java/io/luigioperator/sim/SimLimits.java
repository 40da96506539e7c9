/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.sim;

import io.luigioperator.ledger.ScheduleLedger.LimitChange;
import io.luigioperator.ledger.ScheduleLedger.LimitedSchedule;
import io.luigioperator.run.LimitTransitions;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunState;
import io.luigioperator.run.ScheduleKey;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;

/** The limits of schedules in memory, and how runs begin to count against them. */
final class SimLimits {

  /**
   * A run has begun to count against the limit of its schedule.
   *
   * @param counting runs that count afterwards
   */
  record Entry(Run run, int maxRuns, long counting) {}

  private static final int BATCH = 50;

  private static final Comparator<Run> ADMISSION =
      Comparator.comparing((Run r) -> r.times().admitAt()).thenComparing(r -> r.key().id());

  /** Empty: no limit any more, but runs may still wait for it. */
  private final Map<ScheduleKey, Optional<Integer>> limits = new TreeMap<>();

  private final List<Entry> entries = new ArrayList<>();
  private final Supplier<Collection<Run>> runs;
  private final UnaryOperator<Run> store;
  private final InstantSource clock;
  private final Mutant mutant;

  SimLimits(
      Supplier<Collection<Run>> runs,
      UnaryOperator<Run> store,
      InstantSource clock,
      Mutant mutant) {
    this.runs = runs;
    this.store = store;
    this.clock = clock;
    this.mutant = mutant;
  }

  // ---- for the invariants

  /** All that there ever were, in their order. */
  List<Entry> entries() {
    return entries;
  }

  /** A row was written. */
  void written(Optional<Run> before, Run after) {
    if (after.countsAgainstLimit() && before.filter(Run::countsAgainstLimit).isEmpty()) {
      Optional<ScheduleKey> schedule = after.definition().scheduleKey();
      schedule
          .flatMap(this::maxRuns)
          .ifPresent(max -> entries.add(new Entry(after, max, counting(schedule.get()))));
    }
  }

  // ---- runs of other transactions

  Run accepted(Run run) {
    return isLimited(run) ? LimitTransitions.accepted(run) : run;
  }

  Run changed(Run before, Run after) {
    return isLimited(after) ? LimitTransitions.changed(before, after) : after;
  }

  private boolean isLimited(Run run) {
    return run.definition().scheduleKey().flatMap(this::maxRuns).isPresent();
  }

  // ---- the transactions

  void set(ScheduleKey schedule, Optional<Integer> maxRuns) {
    if (maxRuns.isPresent() || limits.containsKey(schedule)) {
      limits.put(schedule, maxRuns);
    }
  }

  List<LimitedSchedule> limited(Optional<ScheduleKey> after, int limit) {
    return limits.keySet().stream()
        .sorted(Comparator.comparing(ScheduleKey::id))
        .filter(key -> after.isEmpty() || key.id().compareTo(after.get().id()) > 0)
        .limit(limit)
        .map(this::use)
        .toList();
  }

  LimitChange enforce(ScheduleKey schedule) {
    if (!limits.containsKey(schedule)) {
      return new LimitChange(Optional.empty(), List.of());
    }
    LimitedSchedule use = use(schedule);
    List<Run> changed = change(schedule, use);
    changed.forEach(store::apply);
    if (changed.isEmpty() && use.maxRuns().isEmpty()) {
      limits.remove(schedule);
    }
    return new LimitChange(Optional.of(use), changed);
  }

  private List<Run> change(ScheduleKey schedule, LimitedSchedule use) {
    long free = use.maxRuns().map(max -> max - use.counting()).orElse(Long.MAX_VALUE);
    if (mutant == Mutant.LIMIT_IGNORED) {
      free = Long.MAX_VALUE;
    }
    if (free >= 0) {
      return of(schedule).stream()
          .filter(Run::waitsForLimit)
          .sorted(ADMISSION)
          .limit(Math.min(free, BATCH))
          .flatMap(run -> LimitTransitions.release(run, clock.instant()).stream())
          .toList();
    }
    return of(schedule).stream()
        .filter(run -> run.state() == RunState.READY)
        .sorted(ADMISSION.reversed())
        .limit(Math.min(-free, BATCH))
        .flatMap(run -> LimitTransitions.hold(run).stream())
        .toList();
  }

  private LimitedSchedule use(ScheduleKey schedule) {
    List<Run> all = of(schedule);
    long ready = all.stream().filter(run -> run.state() == RunState.READY).count();
    boolean limited = maxRuns(schedule).isPresent();
    return new LimitedSchedule(
        schedule,
        maxRuns(schedule),
        limited ? ready : 0,
        limited ? counting(schedule) - ready : 0,
        all.stream().anyMatch(Run::waitsForLimit));
  }

  private long counting(ScheduleKey schedule) {
    return of(schedule).stream().filter(Run::countsAgainstLimit).count();
  }

  /** Empty if it has none. */
  Optional<Integer> maxRuns(ScheduleKey schedule) {
    return limits.getOrDefault(schedule, Optional.empty());
  }

  private List<Run> of(ScheduleKey schedule) {
    return runs.get().stream()
        .filter(run -> run.definition().scheduleKey().equals(Optional.of(schedule)))
        .toList();
  }
}
