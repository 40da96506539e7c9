/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import static io.luigioperator.run.Conditions.FALSE;
import static io.luigioperator.run.Conditions.READY;
import static io.luigioperator.run.Conditions.RECONCILING;
import static io.luigioperator.run.Conditions.RUNS_HEALTHY;
import static io.luigioperator.run.Conditions.STALLED;
import static io.luigioperator.run.Conditions.TRUE;
import static io.luigioperator.run.Conditions.UNKNOWN;

import io.luigioperator.api.AttentionStatus;
import io.luigioperator.api.BackfillStatus;
import io.luigioperator.api.ClientsStatus;
import io.luigioperator.api.PipelineScheduleSpec;
import io.luigioperator.api.PipelineScheduleStatus;
import io.luigioperator.run.TickSummary.BackfillProgress;
import io.luigioperator.run.TickSummary.Problem;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The status of a schedule: whether runs can refer to it, what its crons do, and how its runs end.
 */
public final class ScheduleView {

  /** Why a schedule is not Ready. Only a change of its configuration helps. */
  private static final Set<String> STALLING =
      Set.of(
          Reasons.SPEC_UNREADABLE,
          Reasons.NO_CLIENTS,
          Reasons.CRON_INVALID,
          Reasons.TIME_ZONE_UNKNOWN,
          Reasons.CLIENT_INVALID);

  /** Clients that a message names. */
  private static final int NAMED = 3;

  private ScheduleView() {}

  /**
   * @param before the present status; a transition time changes only when its status does
   * @param now the time of a transition
   * @return the present status if it describes this generation and nothing newer is known, for
   *     example after a change of the leader
   */
  public static PipelineScheduleStatus of(
      ScheduleObject schedule,
      TickSummary ticks,
      Optional<PipelineScheduleStatus> before,
      Instant now) {
    boolean readable = schedule.parsedSpec().problem().isEmpty();
    if (readable && !ticks.isAbout(schedule)) {
      return before
          .filter(status -> isObserved(status, schedule))
          .orElseGet(() -> reconciling(schedule, before, now));
    }
    Conditions c = conditions(schedule, before, now);
    Optional<Problem> problem = problem(schedule).or(ticks::problem);
    setReady(c, problem);
    setRunsHealthy(c, ticks);
    ClientsStatus clients = before.map(PipelineScheduleStatus::clients).orElse(NO_CLIENTS);
    Optional<HealthSummary> health = ticks.health();
    boolean kept = health.isEmpty() && !isElsewhere(ticks);
    return new PipelineScheduleStatus(
        schedule.generation(),
        c.list(),
        new ClientsStatus(
            readable ? schedule.spec().clients().size() : 0,
            health.map(HealthSummary::ok).orElse(kept ? clients.ok() : null),
            health.map(HealthSummary::failing).orElse(kept ? clients.failing() : null),
            health.map(HealthSummary::lagging).orElse(kept ? clients.lagging() : null),
            ticks.suspended(),
            ticks.invalid()),
        ticks.next().map(Instant::toString).orElse(null),
        lastTickTime(ticks, before),
        health.map(HealthSummary::attention).orElseGet(() -> kept ? attention(before) : List.of()),
        ticks.backfills().stream().map(ScheduleView::backfill).toList());
  }

  private static BackfillStatus backfill(BackfillProgress b) {
    return new BackfillStatus(
        b.name(),
        b.state(),
        b.processed() + "/" + b.total(),
        b.active(),
        b.succeeded(),
        b.failed(),
        b.skipped(),
        b.message().map(Message::bounded).orElse(null));
  }

  private static final ClientsStatus NO_CLIENTS =
      new ClientsStatus(null, null, null, null, null, null);

  private static boolean isObserved(PipelineScheduleStatus status, ScheduleObject schedule) {
    Long observed = status.observedGeneration();
    return observed != null && observed == schedule.generation();
  }

  private static Conditions conditions(
      ScheduleObject schedule, Optional<PipelineScheduleStatus> before, Instant now) {
    return new Conditions(
        before.map(PipelineScheduleStatus::conditions).orElse(List.of()),
        schedule.generation(),
        now);
  }

  private static List<AttentionStatus> attention(Optional<PipelineScheduleStatus> before) {
    return before.map(PipelineScheduleStatus::attention).orElse(List.of());
  }

  /** Kept when a new leader has not fired any: with a lost ledger, it shows what was decided. */
  private static @Nullable String lastTickTime(
      TickSummary ticks, Optional<PipelineScheduleStatus> before) {
    return ticks
        .last()
        .map(Instant::toString)
        .orElseGet(() -> before.map(PipelineScheduleStatus::lastTickTime).orElse(null));
  }

  /** All else is still that of the earlier generation. */
  private static PipelineScheduleStatus reconciling(
      ScheduleObject schedule, Optional<PipelineScheduleStatus> before, Instant now) {
    String message =
        ("generation %d is not applied yet; if this lasts, the ledger (MySQL) is unavailable, or the"
                + " log of the operator has an error about this schedule")
            .formatted(schedule.generation());
    Conditions c =
        conditions(schedule, before, now)
            .keep(READY)
            .keep(RUNS_HEALTHY)
            .set(RECONCILING, TRUE, Reasons.NOT_APPLIED, message);
    if (!c.isSet(READY)) {
      c.set(READY, UNKNOWN, Reasons.NOT_APPLIED, message);
    }
    return new PipelineScheduleStatus(
        schedule.generation(),
        c.list(),
        before.map(PipelineScheduleStatus::clients).orElse(null),
        before.map(PipelineScheduleStatus::nextTickTime).orElse(null),
        before.map(PipelineScheduleStatus::lastTickTime).orElse(null),
        attention(before),
        before.map(PipelineScheduleStatus::backfills).orElse(List.of()));
  }

  private static void setReady(Conditions c, Optional<Problem> problem) {
    if (problem.isEmpty()) {
      c.set(READY, TRUE, Reasons.USABLE, "runs can refer to this schedule");
      return;
    }
    String reason = problem.get().reason();
    String message = problem.get().message();
    c.set(READY, reason.equals(Reasons.OTHER_CLUSTER) ? TRUE : FALSE, reason, message);
    if (STALLING.contains(reason)) {
      c.set(STALLED, TRUE, reason, message);
    }
  }

  /** Of the schedule as a whole. */
  private static Optional<Problem> problem(ScheduleObject schedule) {
    Optional<String> unreadable = schedule.parsedSpec().problem();
    if (unreadable.isPresent()) {
      return Optional.of(
          new Problem(
              Reasons.SPEC_UNREADABLE,
              "the operator cannot read spec: %s; change it, or upgrade the operator if the value is of"
                      .formatted(unreadable.get())
                  + " a later version"));
    }
    PipelineScheduleSpec spec = schedule.spec();
    if (spec.clients().isEmpty() && !spec.pipeline().allow().unlistedClients()) {
      return Optional.of(
          new Problem(
              Reasons.NO_CLIENTS,
              "the schedule lists no clients, so no run that refers to it is accepted; add clients to"
                  + " spec.clients, or set spec.pipeline.allow.unlistedClients to true"));
    }
    return Optional.empty();
  }

  /** Another cluster knows how the runs end. */
  private static boolean isElsewhere(TickSummary ticks) {
    return ticks.problem().filter(p -> p.reason().equals(Reasons.OTHER_CLUSTER)).isPresent();
  }

  private static void setRunsHealthy(Conditions c, TickSummary ticks) {
    if (isElsewhere(ticks)) {
      return;
    }
    if (ticks.health().isEmpty()) {
      c.keep(RUNS_HEALTHY);
      return;
    }
    HealthSummary health = ticks.health().get();
    if (health.ended() == 0) {
      c.set(RUNS_HEALTHY, UNKNOWN, Reasons.NO_RUNS, "no run of a listed client has ended yet");
    } else if (health.failing() > 0) {
      c.set(RUNS_HEALTHY, FALSE, Reasons.CLIENTS_FAILING, failing(health));
    } else if (health.lagging() > 0) {
      c.set(RUNS_HEALTHY, FALSE, Reasons.CLIENTS_LAGGING, lagging(health));
    } else {
      c.set(RUNS_HEALTHY, TRUE, Reasons.ALL_HEALTHY, "no client is failing or lagging");
    }
  }

  private static String failing(HealthSummary health) {
    return ("the newest business date that has ended has failed for %s%s; correct the cause that"
            + " status.attention shows, then create a PipelineRun with the client and the date")
        .formatted(
            clients(health.failing(), health.worst(HealthSummary.FAILING, NAMED)),
            health.lagging() > 0 ? "; lagging clients: %d".formatted(health.lagging()) : "");
  }

  private static String lagging(HealthSummary health) {
    return ("at least two business dates have not succeeded yet for %s; look at why their runs wait"
            + " or take long: kubectl get lpr -l luigi-operator.io/client=%s")
        .formatted(
            clients(health.lagging(), health.worst(HealthSummary.LAGGING, NAMED)),
            health.worst(HealthSummary.LAGGING, 1).getFirst());
  }

  private static String clients(int number, List<String> worst) {
    String named = String.join(", ", worst);
    return number == 1
        ? "client " + named
        : "%d clients (%s%s)".formatted(number, named, number > worst.size() ? ", ..." : "");
  }
}
