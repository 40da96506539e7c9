/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.sim;

import io.luigioperator.admission.AdmissionLoop;
import io.luigioperator.admission.Capacity;
import io.luigioperator.job.Kube;
import io.luigioperator.job.Kube.Freshness;
import io.luigioperator.ledger.Ledger;
import io.luigioperator.reconcile.ClusterRegistration;
import io.luigioperator.reconcile.RunReconciler;
import io.luigioperator.reconcile.Sweep;
import io.luigioperator.reconcile.Wakeups;
import io.luigioperator.run.Limits;
import io.luigioperator.run.RunKey;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import java.util.stream.Stream;

/**
 * An operator that leads one cluster, wired as the product wires it but without threads: its
 * signals are flags, its timers are times, and whoever plays the story decides what comes next.
 */
final class SimOperator {

  /** What the edge allows itself without any event, with the runs whose objects it knows. */
  static final Duration LONGEST_REST = Duration.ofMinutes(10);

  /** From the deletion of a PipelineRun to the pass that concludes it. */
  private static final Duration DEBOUNCE = Duration.ofSeconds(2);

  final SimCluster cluster;
  final SimKube kube;

  /** Runs that something happened to. */
  private final TreeSet<RunKey> woken = new TreeSet<>();

  /** When to look at a run again, if nothing happens to it before. */
  private final Map<RunKey, Instant> requeueAt = new HashMap<>();

  /** When the next DELAYED run is due, as of the last time pass. */
  private Optional<Instant> due = Optional.empty();

  private Optional<Instant> deletions = Optional.empty();
  private boolean roomSignal = true;
  private boolean timeSignal = true;
  private boolean admitting;

  private final SimEnvironment world;
  private final FaultyClients.Life life = new FaultyClients.Life();
  private final ClusterRegistration name;
  private boolean hasName;
  private final boolean rests;
  private final Ledger ledger;
  private final RunReconciler runReconciler;
  private final AdmissionLoop admission;
  private final Sweep sweep;

  /**
   * It has just started: every known run is looked at once.
   *
   * @param rests looks again after a while although nothing has happened
   */
  SimOperator(SimEnvironment world, SimCluster cluster, FaultyClients clients, boolean rests) {
    this.world = world;
    this.rests = rests;
    this.cluster = cluster;
    this.kube = new SimKube(cluster, world.mutant);
    this.ledger = clients.ledger(life);
    this.name = new ClusterRegistration(ledger, cluster.name, cluster.identity());
    Kube door = clients.kube(kube, life);
    this.runReconciler =
        new RunReconciler(
            ledger, door, cluster.name, limits(), world::now, world::nanoTime, wakeups());
    this.admission =
        new AdmissionLoop(
            ledger,
            door,
            cluster.name,
            capacity(),
            world::newToken,
            Runnable::run,
            claimed -> {
              runReconciler.claimed(claimed);
              woken.add(claimed.run().key());
            });
    this.sweep =
        new Sweep(
            ledger,
            door,
            cluster.name,
            new Sweep.Retention(Duration.ofHours(1), Duration.ofHours(24), Duration.ofDays(400)),
            runReconciler,
            woken::add);
    woken.addAll(cluster.runs.keySet());
  }

  private Limits limits() {
    return world.mutant == Mutant.HOLDS_NOTHING
        ? Limits.DEFAULT.withNodeLossHold(Duration.ZERO)
        : Limits.DEFAULT;
  }

  private Capacity capacity() {
    int slots = world.slots.get(cluster.name);
    return new Capacity(world.mutant == Mutant.OVERBOOKS ? slots + 5 : slots);
  }

  /** What its signals and alarms ask it to do now. */
  List<Runnable> ready() {
    List<Runnable> ready = new ArrayList<>();
    if (!hasName) {
      return ready;
    }
    requeueAt.forEach(
        (run, when) -> {
          if (isPast(when)) {
            woken.add(run);
          }
        });
    if (!woken.isEmpty()) {
      ready.add(() -> drive(world.any(List.copyOf(woken)).orElseThrow()));
    }
    if (roomSignal) {
      ready.add(this::admit);
    }
    if (timeSignal || due.filter(this::isPast).isPresent()) {
      ready.add(this::watchTime);
    }
    if (deletions.filter(this::isPast).isPresent()) {
      ready.add(this::concludeDeletions);
    }
    return ready;
  }

  /** When it wants to be asked again, if nothing happens before. */
  Stream<Instant> alarms() {
    return Stream.of(requeueAt.values().stream(), due.stream(), deletions.stream())
        .flatMap(alarm -> alarm);
  }

  private boolean isPast(Instant when) {
    return !when.isAfter(world.now());
  }

  private Wakeups wakeups() {
    return new Wakeups() {
      @Override
      public void admission() {
        if (world.mutant != Mutant.DEAF_TO_ROOM) {
          roomSignal = true;
        }
      }

      @Override
      public void timer() {
        if (world.mutant != Mutant.DEAF_TO_ROOM) {
          timeSignal = true;
        }
      }
    };
  }

  /** A watch event, if there is one. */
  void hear(int missedOneIn) {
    kube.hear(world.random, missedOneIn)
        .ifPresent(
            heard -> {
              if (heard.wakes()) {
                woken.add(heard.run());
              }
              if (heard.deletion() && deletions.isEmpty()) {
                deletions = Optional.of(world.now().plus(DEBOUNCE));
              }
            });
  }

  void drive(RunKey run) {
    woken.remove(run);
    requeueAt.remove(run);
    if (rests && kube.run(run, Freshness.CACHED).isPresent()) {
      requeueAt.put(run, world.now().plus(LONGEST_REST));
    }
    runReconciler.reconcile(run).ifPresent(d -> requeueAt.put(run, world.now().plus(d)));
  }

  /** One pass at a time. */
  private void admit() {
    if (!admitting) {
      admitting = true;
      try {
        roomSignal = false;
        admission.pass();
      } finally {
        admitting = false;
      }
    }
  }

  /** As the loop that watches the time does. */
  private void watchTime() {
    timeSignal = false;
    due = ledger.queries().nextDue();
    if (due.filter(t -> !t.isAfter(world.now())).isPresent()) {
      sweep.due();
      roomSignal = true;
      due = ledger.queries().nextDue();
    }
  }

  private void concludeDeletions() {
    deletions = Optional.empty();
    sweep.concludeDeletions();
    roomSignal = true;
  }

  /** It is killed, whatever it is doing. */
  void kill() {
    life.end();
  }

  /** Says that its cluster is alive. */
  void heartbeat() {
    hasName = name.keep();
  }

  /** Until it has the name of its cluster it begins nothing. */
  boolean hasName() {
    return hasName;
  }

  void sweep() {
    heartbeat();
    if (hasName) {
      sweep.pass();
      roomSignal = true;
    }
  }
}
