/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.sim;

import io.luigioperator.admission.Capacity;
import io.luigioperator.api.CatchUpPolicy;
import io.luigioperator.ledger.ClockCheckedLedger;
import io.luigioperator.ledger.DatabaseClock;
import io.luigioperator.run.Ageing;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import java.util.TreeMap;

/** One ledger, two clusters that share it, what runs in them, one clock, one random source. */
final class SimEnvironment {

  static final String MAIN = "main";
  static final String OTHER = "other";
  static final Duration CLOCK_SETTLES = Duration.ofMinutes(15);

  final Random random;
  final Mutant mutant;
  final FaultCounts counts = new FaultCounts();
  final SimLedger ledger;
  final Processes processes = new Processes(this::now);
  final SimCluster main;
  final SimCluster other;
  final Map<String, SimControllers> controllers;
  final Map<String, Integer> slots;

  /** All runs are in one namespace. */
  final OptionalInt slotsOfNamespace;

  final Invariants invariants;
  final ScheduleActions schedules;
  final TickInvariants ticks;
  private Instant now = Instant.parse("2026-01-01T00:00:00Z");

  /** How far the clock of the database is ahead. */
  Duration databaseAhead = Duration.ZERO;

  private int tokens;

  /**
   * @param leaders how many operators may be leaders of the main cluster at the same time; each may
   *     fill all of its slots
   */
  SimEnvironment(long seed, Mutant mutant, int leaders) {
    this.random = new Random(seed);
    this.mutant = mutant;
    this.ledger = new SimLedger(this::databaseNow, Ageing.DEFAULT, mutant);
    this.main = cluster(MAIN);
    this.other = cluster(OTHER);
    this.controllers = each(controllersOf(main), controllersOf(other));
    this.slots = each(1 + random.nextInt(3), 1);
    // not from the random numbers of the seed, so that its other choices do not depend on it
    this.slotsOfNamespace = seed % 3 == 0 ? OptionalInt.of(1) : OptionalInt.empty();
    int most = slotsOfNamespace.orElse(Integer.MAX_VALUE);
    // in every second seed, because the runs of ticks take time
    this.schedules =
        new ScheduleActions(
            this,
            seed % 2 == 0,
            seed % 4 == 0 ? CatchUpPolicy.All : CatchUpPolicy.Latest,
            (int) (seed % 7));
    this.ticks =
        new TickInvariants(ledger, schedules, this::hasClockJumped, this::wasNamespaceLost);
    this.invariants =
        new Invariants(
            ledger,
            ticks,
            processes,
            each(main, other),
            each(leaders * Math.min(slots.get(MAIN), most), Math.min(slots.get(OTHER), most)));
  }

  Capacity capacity(String cluster) {
    return new Capacity(slots.get(cluster), slotsOfNamespace);
  }

  /** Iterates in a fixed order: the execution of a seed must always be the same. */
  private static <T> Map<String, T> each(T ofMain, T ofOther) {
    Map<String, T> map = new TreeMap<>();
    map.put(MAIN, ofMain);
    map.put(OTHER, ofOther);
    return map;
  }

  private SimCluster cluster(String name) {
    return new SimCluster(name, random, this::now, processes, p -> invariants().gateOpened(p));
  }

  private Invariants invariants() {
    return invariants;
  }

  private SimControllers controllersOf(SimCluster cluster) {
    return new SimControllers(cluster, random, this::now, processes);
  }

  List<SimCluster> clusters() {
    return List.of(main, other);
  }

  Instant now() {
    return now;
  }

  /** Compares the time of the database for one replica, from now on. */
  DatabaseClock newDatabaseClock() {
    DatabaseClock clock = new DatabaseClock(this::now, this::nanoTime, CLOCK_SETTLES);
    new ClockCheckedLedger(ledger, clock).queries().now();
    return clock;
  }

  private boolean hasClockJumped() {
    return counts.faults.containsKey(Fault.CLOCK_AHEAD)
        || counts.faults.containsKey(Fault.CLOCK_BEHIND);
  }

  private boolean wasNamespaceLost() {
    return counts.faults.containsKey(Fault.NAMESPACE_TERMINATING)
        || counts.faults.containsKey(Fault.NAMESPACE_RECREATED)
        || counts.faults.containsKey(Fault.CLUSTER_REBUILT);
  }

  private Instant databaseNow() {
    return now.plus(databaseAhead);
  }

  /** Of every process: time passes alike for all of them. */
  long nanoTime() {
    return Duration.between(Instant.EPOCH, now).toNanos();
  }

  void pass(Duration time) {
    now = now.plus(time);
  }

  void passUntil(Instant time) {
    if (time.isAfter(now)) {
      now = time;
    }
  }

  String newToken() {
    return "token-" + ++tokens;
  }

  boolean oneIn(int n) {
    return random.nextInt(n) == 0;
  }

  <T> Optional<T> any(List<T> of) {
    return of.isEmpty() ? Optional.empty() : Optional.of(of.get(random.nextInt(of.size())));
  }
}
