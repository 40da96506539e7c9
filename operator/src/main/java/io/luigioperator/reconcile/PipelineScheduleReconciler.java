/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.javaoperatorsdk.operator.api.reconciler.Context;
import io.javaoperatorsdk.operator.api.reconciler.EventSourceContext;
import io.javaoperatorsdk.operator.api.reconciler.Reconciler;
import io.javaoperatorsdk.operator.api.reconciler.UpdateControl;
import io.javaoperatorsdk.operator.processing.event.source.Cache;
import io.javaoperatorsdk.operator.processing.event.source.EventSource;
import io.javaoperatorsdk.operator.processing.event.source.inbound.SimpleInboundEventSource;
import io.luigioperator.api.PipelineRun;
import io.luigioperator.api.PipelineSchedule;
import io.luigioperator.api.PipelineScheduleStatus;
import io.luigioperator.job.Kube;
import io.luigioperator.run.ScheduleObject;
import io.luigioperator.run.ScheduleView;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;

/** Says how a schedule stands, and has the runs looked at again that waited for it. */
final class PipelineScheduleReconciler implements Reconciler<PipelineSchedule> {
  private static final Duration CACHE_LAG = Duration.ofMillis(100);

  private final Kube kube;
  private final Duty duty;
  private final RunEvents runs;
  private final InstantSource clock;
  private final SimpleInboundEventSource<PipelineSchedule> wakes =
      new SimpleInboundEventSource<>("schedules");
  private volatile Optional<Cache<PipelineSchedule>> known = Optional.empty();

  PipelineScheduleReconciler(Kube kube, Duty duty, RunEvents runs, InstantSource clock) {
    this.kube = kube;
    this.duty = duty;
    this.runs = runs;
    this.clock = clock;
  }

  @Override
  public UpdateControl<PipelineSchedule> reconcile(
      PipelineSchedule schedule, Context<PipelineSchedule> context) {
    return duty.whileOn(() -> shown(schedule)).orElseGet(UpdateControl::noUpdate);
  }

  @Override
  public List<EventSource<?, PipelineSchedule>> prepareEventSources(
      EventSourceContext<PipelineSchedule> context) {
    known = Optional.of(context.getPrimaryCache());
    return List.of(wakes);
  }

  void wakeAll() {
    known.stream().flatMap(Cache::keys).toList().forEach(wakes::propagateEvent);
  }

  private UpdateControl<PipelineSchedule> shown(PipelineSchedule schedule) {
    String namespace = schedule.getMetadata().getNamespace();
    String name = schedule.getMetadata().getName();
    long generation = schedule.getMetadata().getGeneration();
    Optional<ScheduleObject> seen = kube.schedule(namespace, name);
    if (seen.filter(s -> s.generation() >= generation).isEmpty()) {
      // the runs are judged by that cache: waking them before it knows would be lost
      return UpdateControl.<PipelineSchedule>noUpdate().rescheduleAfter(CACHE_LAG);
    }
    runs.of(namespace, name)
        .filter(PipelineScheduleReconciler::isNotAccepted)
        .map(RunEvents::key)
        .forEach(runs::wake);
    PipelineScheduleStatus status =
        ScheduleView.of(seen.get(), Optional.ofNullable(schedule.getStatus()), clock.instant());
    if (status.equals(schedule.getStatus())) {
      return UpdateControl.noUpdate();
    }
    PipelineSchedule said = new PipelineSchedule();
    said.setMetadata(schedule.getMetadata());
    said.setSpec(schedule.getSpec());
    said.setStatus(status);
    return UpdateControl.patchStatus(said);
  }

  private static boolean isNotAccepted(PipelineRun run) {
    return run.getStatus() == null
        || run.getStatus().conditions().stream()
            .noneMatch(
                c ->
                    c.getType().equals("Accepted") && c.getStatus().equals("True")
                        || c.getType().equals("Finished") && c.getStatus().equals("True"));
  }
}
