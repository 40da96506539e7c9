/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.sim;

import io.luigioperator.admission.AdmissionLoop;
import io.luigioperator.admission.Capacity;
import io.luigioperator.job.Kube;
import io.luigioperator.job.Kube.Freshness;
import io.luigioperator.ledger.ClockCheckedLedger;
import io.luigioperator.ledger.DatabaseClock;
import io.luigioperator.ledger.Ledger;
import io.luigioperator.ledger.ScheduleLedger.ClientKey;
import io.luigioperator.ledger.ScheduleLedger.ScheduledClient;
import io.luigioperator.ops.BuildInfo;
import io.luigioperator.ops.Metrics;
import io.luigioperator.reconcile.ClusterRegistration;
import io.luigioperator.reconcile.RunReconciler;
import io.luigioperator.reconcile.ScheduleLimits;
import io.luigioperator.reconcile.Signal;
import io.luigioperator.reconcile.Sweep;
import io.luigioperator.reconcile.TickLoop;
import io.luigioperator.reconcile.Wakeups;
import io.luigioperator.run.ClientHealth;
import io.luigioperator.run.ClusterIdentity;
import io.luigioperator.run.HealthSummary;
import io.luigioperator.run.Limits;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.ScheduleKey;
import io.luigioperator.run.ScheduleObject;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;

/**
 * The operator of one cluster, as its leader: wired as in production but without threads. Its
 * signals are flags, its timers are times, and the scenario decides what runs next.
 */
final class SimOperator {

  /** How often a run whose object is cached is reconciled without an event. */
  static final Duration RESYNC_PERIOD = Duration.ofMinutes(10);

  static final Metrics METRICS = new Metrics(BuildInfo.current());

  /** From the deletion of a PipelineRun to the pass that cancels its run. */
  private static final Duration DEBOUNCE = Duration.ofSeconds(2);

  final SimCluster cluster;
  final SimKube kube;

  /** Runs to reconcile. */
  private final TreeSet<RunKey> queue = new TreeSet<>();

  /** When to reconcile a run again, if no event comes before. */
  private final Map<RunKey, Instant> requeueAt = new HashMap<>();

  /** When the next DELAYED run is due, as read last. */
  private Optional<Instant> due = Optional.empty();

  private Optional<Instant> deletions = Optional.empty();
  private boolean admissionSignal = true;
  private boolean timerSignal = true;
  private boolean admitting;

  /** When cron times are due, as returned last. */
  private Optional<Instant> ticksAt = Optional.empty();

  private boolean deciding;
  private boolean ticksSignaled = true;

  private final SimEnvironment env;
  private final FaultyClients.OperatorProcess process = new FaultyClients.OperatorProcess();
  private final ClusterRegistration registration;
  private boolean isRegistered;
  private final boolean resyncs;
  private final Ledger ledger;
  private final RunReconciler runReconciler;
  private final AdmissionLoop admission;
  private final Sweep sweep;
  private final Signal limitSignal = new Signal();
  private final ScheduleLimits limits;
  private boolean enforcing;
  private boolean limitsSignaled = true;
  private final Signal tickSignal = new Signal();
  private final TickLoop ticks;

  /**
   * It has just started: every known run is queued.
   *
   * @param configured its cluster id, and the UID of its cluster
   * @param resyncs reconciles each run again after {@link #RESYNC_PERIOD} without an event
   * @param databaseClock has compared the times before; in production it is that of a standby
   */
  SimOperator(
      SimEnvironment env,
      SimCluster cluster,
      FaultyClients clients,
      boolean resyncs,
      ClusterIdentity configured,
      DatabaseClock databaseClock) {
    this.env = env;
    this.resyncs = resyncs;
    this.cluster = cluster;
    this.kube = new SimKube(cluster, env.mutant);
    Ledger right = clients.ledger(process);
    Ledger unchecked = env.mutant == Mutant.NEW_RULES_FOR_THE_PAST ? withNewRules(right) : right;
    this.ledger =
        env.mutant == Mutant.CLOCK_JUMP_IGNORED
            ? unchecked
            : new ClockCheckedLedger(unchecked, databaseClock);
    ClusterIdentity identity =
        env.mutant == Mutant.IDENTITY_IGNORED
            ? new ClusterIdentity(configured.clusterId(), configured.clusterId())
            : configured;
    if (env.mutant == Mutant.IDENTITY_IGNORED) {
      kube.claimIdentity(identity.uid());
    }
    String value = identity.value();
    Kube faultyKube = clients.kube(kube, process);
    this.registration =
        new ClusterRegistration(
            ledger, identity, true, () -> faultyKube.retiredClusters("luigi-system"));
    this.limits = new ScheduleLimits(ledger, limitSignal, () -> admissionSignal = true);
    limits.onChange(queue::add);
    this.runReconciler =
        new RunReconciler(
            ledger, faultyKube, value, limits(), env::now, env::nanoTime, wakeups(), limits);
    this.admission =
        new AdmissionLoop(
            ledger,
            faultyKube,
            value,
            capacity(),
            env::newToken,
            Runnable::run,
            claimed -> {
              runReconciler.claimed(claimed);
              queue.add(claimed.run().key());
            },
            queue::add);
    this.sweep =
        new Sweep(
            ledger,
            faultyKube,
            value,
            new Sweep.Retention(Duration.ofHours(1), Duration.ofHours(24), Duration.ofDays(400)),
            runReconciler,
            limits,
            () -> faultyKube.retiredNamespaces("luigi-system"),
            queue::add);
    this.ticks =
        new TickLoop(
            ledger,
            faultyKube,
            value,
            env.clusters().size() > 1,
            tickSignal,
            limits,
            () -> {
              admissionSignal = true;
              timerSignal = true;
            },
            queue::add,
            METRICS);
    runReconciler.onEnd(ticks::runEnded);
    admission.onPostponed(
        () -> {
          admissionSignal = true;
          timerSignal = true;
        });
    ticks.onChange(this::recordTicks);
    leadershipBegins();
  }

  /** It is elected, for the first time or after the leadership of another operator. */
  void leadershipBegins() {
    limits.leadershipBegins();
    ticks.leadershipBegins();
    cluster.schedules.keySet().forEach(ticks::changed);
    queue.addAll(cluster.runs.keySet());
    limitsSignaled = true;
    ticksSignaled = true;
  }

  private Limits limits() {
    return env.mutant == Mutant.NO_NODE_LOSS_HOLD
        ? Limits.DEFAULT.withNodeLossHold(Duration.ZERO)
        : Limits.DEFAULT;
  }

  private Capacity capacity() {
    Capacity capacity = env.capacity(cluster.name);
    return switch (env.mutant) {
      case TOO_MANY_SLOTS -> new Capacity(capacity.maxRunning() + 5);
      case TOO_MANY_SLOTS_OF_A_NAMESPACE -> new Capacity(capacity.maxRunning());
      default -> capacity;
    };
  }

  /** What its signals and timers request now. */
  List<Runnable> pendingActions() {
    List<Runnable> actions = new ArrayList<>();
    if (!isRegistered) {
      return actions;
    }
    requeueAt.forEach(
        (run, when) -> {
          if (isPast(when)) {
            queue.add(run);
          }
        });
    if (!queue.isEmpty()) {
      actions.add(() -> reconcile(env.any(List.copyOf(queue)).orElseThrow()));
    }
    if (admissionSignal) {
      actions.add(this::admit);
    }
    if (timerSignal || due.filter(this::isPast).isPresent()) {
      actions.add(this::releaseDue);
    }
    if (!deciding && (isTickSignaled() || ticksAt.filter(this::isPast).isPresent())) {
      actions.add(this::decideTicks);
    }
    if (!enforcing && isLimitSignaled()) {
      actions.add(this::enforceLimits);
    }
    if (deletions.filter(this::isPast).isPresent()) {
      actions.add(this::concludeDeletions);
    }
    return actions;
  }

  /** The times at which it has something to do, if no event comes before. */
  Stream<Instant> timers() {
    if (!isRegistered) {
      return Stream.empty(); // as it then does nothing, time would stand still
    }
    return Stream.of(
            requeueAt.values().stream(), due.stream(), deletions.stream(), ticksAt.stream())
        .flatMap(timer -> timer);
  }

  private boolean isPast(Instant when) {
    return !when.isAfter(env.now());
  }

  private Wakeups wakeups() {
    return new Wakeups() {
      @Override
      public void wakeAdmission() {
        if (env.mutant != Mutant.ADMISSION_SIGNAL_LOST) {
          admissionSignal = true;
        }
      }

      @Override
      public void wakeTimer() {
        if (env.mutant != Mutant.ADMISSION_SIGNAL_LOST) {
          timerSignal = true;
        }
      }
    };
  }

  /** Delivers one watch event, if there is one. */
  void deliverWatchEvent(int missedOneIn) {
    kube.deliverWatchEvent(env.random, missedOneIn)
        .ifPresent(
            event -> {
              if (event.enqueues()) {
                queue.addAll(event.runs());
              }
              event.schedule().ifPresent(ticks::changed);
              if (event.deletion() && deletions.isEmpty()) {
                deletions = Optional.of(env.now().plus(DEBOUNCE));
              }
            });
  }

  void reconcile(RunKey run) {
    queue.remove(run);
    requeueAt.remove(run);
    if (resyncs && kube.run(run, Freshness.CACHED).isPresent()) {
      requeueAt.put(run, env.now().plus(RESYNC_PERIOD));
    }
    runReconciler
        .reconcile(run)
        .map(d -> env.now().plus(d))
        .ifPresent(when -> requeueAt.merge(run, when, (a, b) -> a.isBefore(b) ? a : b));
  }

  /** One pass at a time. */
  private void admit() {
    if (!admitting) {
      admitting = true;
      try {
        admissionSignal = false;
        admission.pass();
      } finally {
        admitting = false;
      }
    }
  }

  /** As the loop for DELAYED runs does. */
  private void releaseDue() {
    timerSignal = false;
    due = ledger.queries().nextDue();
    if (due.filter(t -> !t.isAfter(ledger.queries().now())).isPresent()) {
      sweep.due();
      admissionSignal = true;
      due = ledger.queries().nextDue();
    }
  }

  private boolean isTickSignaled() {
    ticksSignaled |= isRaised(tickSignal);
    return ticksSignaled;
  }

  private static boolean isRaised(Signal signal) {
    try {
      return signal.await(Duration.ZERO);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private boolean isLimitSignaled() {
    limitsSignaled |= isRaised(limitSignal) && env.mutant != Mutant.LIMIT_SIGNAL_LOST;
    return limitsSignaled;
  }

  /** One pass at a time. A pass that fails is repeated. */
  private void enforceLimits() {
    enforcing = true;
    limitsSignaled = false;
    boolean complete = false;
    try {
      limits.pass();
      complete = true;
    } finally {
      enforcing = false;
      limitsSignaled |= !complete;
    }
  }

  /** One pass at a time. A pass that fails is repeated. */
  private void decideTicks() {
    deciding = true;
    ticksSignaled = false;
    ticksAt = Optional.of(env.now());
    try {
      ticksAt = Optional.of(env.now().plus(ticks.pass()));
    } finally {
      deciding = false;
    }
  }

  /** In the status of the schedule. */
  private void recordTicks(ScheduleKey schedule) {
    cluster.schedules.computeIfPresent(
        schedule,
        (key, s) ->
            new ScheduleObject(
                key,
                s.uid(),
                s.createdAt(),
                s.generation(),
                s.parsedSpec(),
                ticks.summary(key).last().or(s::lastTickTime)));
  }

  /** If its cluster decides the schedule, what it knows of the clients is what their runs say. */
  void requireHealthOf(ScheduleKey schedule) {
    String here = cluster.registeredAs().value();
    if (!isRegistered
        || !cluster.schedules.containsKey(schedule)
        || env.ledger.schedules().owner(schedule).filter(here::equals).isEmpty()) {
      return;
    }
    Map<String, ClientHealth> clients = new TreeMap<>();
    for (String client : env.schedules.listed(cluster).keySet()) {
      ClientKey key = new ClientKey(schedule, client);
      clients.put(
          client,
          ClientHealth.of(
              env.ledger
                  .schedules()
                  .newestRuns(List.of(key), Integer.MAX_VALUE)
                  .getOrDefault(key, List.of())));
    }
    HealthSummary right = HealthSummary.of(clients, Map.of());
    HealthSummary known =
        ticks
            .summary(schedule)
            .health()
            .orElseThrow(
                () -> new AssertionError("the health of %s is not shown".formatted(schedule)));
    if (right.failing() != known.failing()
        || right.lagging() != known.lagging()
        || right.ended() != known.ended()) {
      throw new AssertionError("the health is %s, but shown is %s".formatted(right, known));
    }
  }

  /** A mutant: the rules that were stored count for nothing. */
  private Ledger withNewRules(Ledger stored) {
    return LedgerProxy.of(
        stored,
        (role, method, args) -> {
          Object answer = LedgerProxy.invoke(role, method, args);
          return method.getName().equals("clients")
              ? ((List<?>) answer).stream().map(row -> withNewRules((ScheduledClient) row)).toList()
              : answer;
        });
  }

  private ScheduledClient withNewRules(ScheduledClient row) {
    Optional<String> rules =
        row.rules().map(old -> env.schedules.listed(cluster).getOrDefault(row.client(), old));
    return new ScheduledClient(row.client(), row.decidedUntil(), rules);
  }

  private void concludeDeletions() {
    deletions = Optional.empty();
    sweep.concludeDeletions();
    admissionSignal = true;
  }

  /** Kills it. */
  void kill() {
    process.end();
  }

  /** Renews the registration of its cluster in the ledger. */
  void heartbeat() {
    registration.retireDeclared();
    isRegistered = registration.renew().isEmpty();
  }

  /** Whether its cluster is registered in the ledger; before that it does nothing. */
  boolean isRegistered() {
    return isRegistered;
  }

  void sweep() {
    heartbeat();
    if (isRegistered) {
      Optional<RuntimeException> failure = sweep.pass().failure();
      admissionSignal = true;
      if (failure.isPresent()) {
        throw failure.get();
      }
    }
  }
}
