/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.luigioperator.job.Kube;
import io.luigioperator.job.Kube.Freshness;
import io.luigioperator.ledger.Ledger;
import io.luigioperator.ledger.ScheduleLedger.ClientDecision;
import io.luigioperator.ledger.ScheduleLedger.Tick;
import io.luigioperator.ledger.ScheduleLedger.TickAnswer;
import io.luigioperator.ops.Metrics;
import io.luigioperator.reconcile.ClientDecisions.Prepared.Decidable;
import io.luigioperator.reconcile.ClientDecisions.Prepared.Undecidable;
import io.luigioperator.run.Instants;
import io.luigioperator.run.NewRun;
import io.luigioperator.run.RunKey;
import io.luigioperator.run.ScheduleKey;
import io.luigioperator.run.ScheduleObject;
import io.luigioperator.run.TickSummary.Problem;
import io.luigioperator.schedule.Candidate;
import io.luigioperator.schedule.ClientRules;
import io.luigioperator.schedule.TickDecider;
import io.luigioperator.schedule.TickRules;
import io.luigioperator.schedule.TickWalk;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Decides the cron times of clients of one schedule in the ledger. A client whose run cannot be
 * resolved is left undecided with a problem: its cron times are caught up once the schedule is
 * corrected.
 */
final class TickDecisionRunner {

  private static final Logger LOG = LoggerFactory.getLogger(TickDecisionRunner.class);

  /** Clients that are decided together at most. */
  static final int CLIENTS = 100;

  /**
   * A client to decide.
   *
   * @param rules that apply to it once its cron times up to now are decided
   */
  record Work(ClientTicks ticks, TickRules rules, String json) {

    static Work of(ClientTicks ticks) {
      return new Work(ticks, ticks.rules(), ticks.json());
    }

    private String client() {
      return ticks.id();
    }

    private ClientRules.Valid after() {
      return new ClientRules.Valid(rules, json);
    }

    private ClientTicks after(Instant until, boolean complete) {
      return complete ? ClientTicks.of(ticks.id(), until, rules, json) : ticks.decided(until);
    }
  }

  private record Step(Work work, Decidable prepared) {}

  private final Ledger ledger;
  private final Kube kube;
  private final String cluster;
  private final Consumer<ScheduleKey> accepted;
  private final ScheduleHealth health;
  private final Metrics metrics;
  private Instant readTime = Instant.EPOCH;
  private long readAtNanos;

  /**
   * @param accepted called after runs of a schedule were accepted; must have them admitted soon
   * @param health reads the clients again that got runs
   */
  TickDecisionRunner(
      Ledger ledger,
      Kube kube,
      String cluster,
      Consumer<ScheduleKey> accepted,
      ScheduleHealth health,
      Metrics metrics) {
    this.ledger = ledger;
    this.kube = kube;
    this.cluster = cluster;
    this.accepted = accepted;
    this.health = health;
    this.metrics = metrics;
  }

  /** The database time at this moment, from which the time of a decision is calculated. */
  void timeWasRead(Instant now) {
    readTime = now;
    readAtNanos = System.nanoTime();
  }

  /**
   * Decides the cron times of these clients up to now, and updates them in {@code ticks}.
   *
   * @param object the schedule, whose spec says how to run the business dates
   * @return false if the ledger differs from what is in memory, which then has to be read again
   */
  boolean decide(ScheduleTicks ticks, ScheduleObject object, List<Work> clients, Instant now) {
    for (int i = 0; i < clients.size(); i += CLIENTS) {
      if (!decideSome(
          ticks, object, clients.subList(i, Math.min(i + CLIENTS, clients.size())), now)) {
        return false;
      }
    }
    return true;
  }

  private boolean decideSome(
      ScheduleTicks ticks, ScheduleObject object, List<Work> clients, Instant now) {
    ClientDecisions decisions =
        new ClientDecisions(object, now, run -> kube.run(run, Freshness.CACHED));
    DroppedDates dropped = new DroppedDates();
    List<Work> open = clients;
    boolean upToDate = true;
    while (!open.isEmpty() && upToDate) {
      List<Step> steps = prepare(ticks, object, decisions, open, now);
      List<TickAnswer> answers = commit(ticks, steps);
      open = new ArrayList<>();
      for (int i = 0; i < steps.size(); i++) {
        Step step = steps.get(i);
        switch (answers.get(i)) {
          case TickAnswer.Decided(int fired) -> {
            ClientTicks after = decided(ticks, step, fired);
            dropped.add(step.work().client(), step.prepared().droppedDates());
            if (!step.prepared().complete()) {
              open.add(new Work(after, step.work().rules(), step.work().json()));
            }
          }
          case TickAnswer.NameTaken(RunKey run) -> {
            if (decisions.nameTaken(step.work().client(), dateOf(step, run), run)) {
              open.add(step.work());
            } else {
              undecided(
                  ticks,
                  object,
                  step.work(),
                  ClientDecisions.invalid(
                      step.work().client(),
                      "the name %s and its longer forms belong to other runs; rename the schedule"
                          .formatted(run)));
            }
          }
          case TickAnswer.Refused(String message) ->
              undecided(
                  ticks,
                  object,
                  step.work(),
                  ClientDecisions.invalid(step.work().client(), message));
          case TickAnswer.Stale _, TickAnswer.NotOwner _ -> upToDate = false;
        }
      }
    }
    dropped.report(kube, object);
    return upToDate;
  }

  private List<Step> prepare(
      ScheduleTicks ticks,
      ScheduleObject object,
      ClientDecisions decisions,
      List<Work> clients,
      Instant now) {
    Map<String, Set<String>> fired = firedDates(ticks, decisions, clients, now);
    List<Step> steps = new ArrayList<>();
    for (Work work : clients) {
      Set<String> dates = fired.getOrDefault(work.client(), Set.of());
      switch (decisions.prepare(work.ticks(), work.after(), dates)) {
        case Decidable prepared -> steps.add(new Step(work, prepared));
        case Undecidable(Problem problem) -> undecided(ticks, object, work, problem);
      }
    }
    return steps;
  }

  /**
   * Without missed cron times the ledger alone finds out whether a date has fired. With some, a
   * date that has fired must not use up the allowance of the catch-up.
   */
  private Map<String, Set<String>> firedDates(
      ScheduleTicks ticks, ClientDecisions decisions, List<Work> clients, Instant now) {
    Instant window = now.minusSeconds(decisions.catchUp().windowSeconds());
    List<Work> late =
        clients.stream()
            .filter(w -> w.ticks().from().isBefore(now.minus(TickDecider.ON_TIME)))
            .toList();
    Optional<String> first =
        late.stream()
            .map(Work::ticks)
            .flatMap(
                t ->
                    TickWalk.next(t.rules(), Instants.later(t.from(), window))
                        .map(Candidate::businessDate)
                        .stream())
            .min(Comparator.naturalOrder());
    return first.isEmpty()
        ? Map.of()
        : ledger
            .schedules()
            .firedDates(ticks.key(), late.stream().map(Work::client).toList(), first.get());
  }

  private List<TickAnswer> commit(ScheduleTicks ticks, List<Step> steps) {
    List<ClientDecision> decisions = steps.stream().map(s -> s.prepared().decision()).toList();
    return decisions.isEmpty()
        ? List.of()
        : ledger.schedules().decide(ticks.key(), cluster, decisions);
  }

  private ClientTicks decided(ScheduleTicks ticks, Step step, int fired) {
    ClientDecision decision = step.prepared().decision();
    ClientTicks after = step.work().after(decision.until(), step.prepared().complete());
    ticks.put(after);
    List<Tick> runs = decision.ticks().stream().filter(t -> t.run().isPresent()).toList();
    if (!runs.isEmpty()) {
      ticks.fired(runs.getLast().cronTime());
    }
    metrics.ticks(fired, runs.size() - fired, step.prepared().skipped());
    Instant decidedAt = readTime.plusNanos(System.nanoTime() - readAtNanos);
    runs.forEach(t -> metrics.tickDecided(t.cronTime(), decidedAt));
    if (fired > 0) {
      accepted.accept(ticks.key());
      health.outdated(ticks.key(), List.of(decision.client()));
    }
    return after;
  }

  private void undecided(ScheduleTicks ticks, ScheduleObject object, Work work, Problem problem) {
    ticks.put(work.ticks().with(problem));
    LOG.atWarn()
        .addKeyValue("schedule", ticks.key())
        .addKeyValue("client", work.client())
        .addKeyValue("error", problem.message())
        .log("no run can be created; the cron times of this client wait for a change");
    kube.warn(object, problem.reason(), problem.message());
  }

  private static String dateOf(Step step, RunKey run) {
    return step.prepared().decision().runs().stream()
        .filter(r -> r.key().equals(run))
        .map(NewRun::businessDate)
        .findFirst()
        .orElseThrow();
  }
}
