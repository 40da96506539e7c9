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

/** The status of a PipelineSchedule. */
public final class ScheduleView {
  private static final String READY = "Ready";

  private ScheduleView() {}

  /**
   * @param before the present status; a transition time changes only when its status does
   * @param now the time of a transition
   */
  public static PipelineScheduleStatus of(
      ScheduleObject schedule, Optional<PipelineScheduleStatus> before, Instant now) {
    ConditionBuilder ready =
        condition(schedule).withType(READY).withObservedGeneration(schedule.generation());
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
            schedule.parsedSpec().problem().isPresent() ? 0 : schedule.spec().clients().size()));
  }

  private static ConditionBuilder condition(ScheduleObject schedule) {
    Optional<String> problem = schedule.parsedSpec().problem();
    if (problem.isPresent()) {
      return new ConditionBuilder()
          .withStatus("False")
          .withReason(Reasons.SPEC_UNREADABLE)
          .withMessage(
              Message.bounded(
                  "the operator cannot read spec: %s; change it, or upgrade the operator if the"
                          .formatted(problem.get())
                      + " value is of a later version"));
    }
    PipelineScheduleSpec spec = schedule.spec();
    boolean usable = !spec.clients().isEmpty() || spec.pipeline().allow().unlistedClients();
    return new ConditionBuilder()
        .withStatus(usable ? "True" : "False")
        .withReason(usable ? Reasons.USABLE : Reasons.NO_CLIENTS)
        .withMessage(
            usable
                ? "runs can refer to this schedule"
                : "the schedule lists no clients, so no run that refers to it is accepted; add"
                    + " clients to spec.clients, or set"
                    + " spec.pipeline.allow.unlistedClients to true");
  }
}
