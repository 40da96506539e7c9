/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import io.fabric8.kubernetes.api.model.Condition;
import io.fabric8.kubernetes.api.model.ConditionBuilder;
import io.luigioperator.api.ClientsStatus;
import io.luigioperator.api.PipelineScheduleSpec;
import io.luigioperator.api.PipelineScheduleStatus;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The status of a schedule: whether runs can refer to it, and what its crons do. */
public final class ScheduleView {

  private static final String READY = "Ready";

  private ScheduleView() {}

  /**
   * @param before the present status; a transition time changes only when its status does
   * @param now the time of a transition
   */
  public static PipelineScheduleStatus of(
      ScheduleObject schedule,
      TickSummary ticks,
      Optional<PipelineScheduleStatus> before,
      Instant now) {
    ConditionBuilder ready =
        condition(schedule, ticks).withType(READY).withObservedGeneration(schedule.generation());
    String since =
        before.stream()
            .flatMap(s -> s.conditions().stream())
            .filter(c -> c.getType().equals(READY) && c.getStatus().equals(ready.getStatus()))
            .map(Condition::getLastTransitionTime)
            .findFirst()
            .orElseGet(() -> now.truncatedTo(ChronoUnit.SECONDS).toString());
    return new PipelineScheduleStatus(
        schedule.generation(),
        List.of(ready.withLastTransitionTime(since).build()),
        new ClientsStatus(
            schedule.parsedSpec().problem().isPresent() ? 0 : schedule.spec().clients().size(),
            ticks.suspended(),
            ticks.invalid()),
        ticks.next().map(Instant::toString).orElse(null),
        lastTickTime(ticks, before));
  }

  /** Kept when a new leader has not fired any: with a lost ledger, it shows what was decided. */
  private static @Nullable String lastTickTime(
      TickSummary ticks, Optional<PipelineScheduleStatus> before) {
    return ticks
        .last()
        .map(Instant::toString)
        .orElseGet(() -> before.map(PipelineScheduleStatus::lastTickTime).orElse(null));
  }

  private static ConditionBuilder condition(ScheduleObject schedule, TickSummary ticks) {
    Optional<String> unreadable = schedule.parsedSpec().problem();
    if (unreadable.isPresent()) {
      return notReady(
          Reasons.SPEC_UNREADABLE,
          "the operator cannot read spec: %s; change it, or upgrade the operator if the value is of"
                  .formatted(unreadable.get())
              + " a later version");
    }
    PipelineScheduleSpec spec = schedule.spec();
    if (spec.clients().isEmpty() && !spec.pipeline().allow().unlistedClients()) {
      return notReady(
          Reasons.NO_CLIENTS,
          "the schedule lists no clients, so no run that refers to it is accepted; add clients to"
              + " spec.clients, or set spec.pipeline.allow.unlistedClients to true");
    }
    return ticks
        .problem()
        .map(problem -> notReady(problem.reason(), problem.message()))
        .orElseGet(
            () ->
                new ConditionBuilder()
                    .withStatus("True")
                    .withReason(Reasons.USABLE)
                    .withMessage("runs can refer to this schedule"));
  }

  private static ConditionBuilder notReady(String reason, String message) {
    return new ConditionBuilder()
        .withStatus("False")
        .withReason(reason)
        .withMessage(Message.bounded(message));
  }
}
