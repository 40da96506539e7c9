/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.fabric8.kubernetes.api.model.ObjectMeta;
import io.javaoperatorsdk.operator.api.reconciler.Context;
import io.javaoperatorsdk.operator.api.reconciler.EventSourceContext;
import io.javaoperatorsdk.operator.api.reconciler.PrimaryUpdateAndCacheUtils;
import io.javaoperatorsdk.operator.api.reconciler.Reconciler;
import io.javaoperatorsdk.operator.api.reconciler.UpdateControl;
import io.javaoperatorsdk.operator.processing.event.source.Cache;
import io.javaoperatorsdk.operator.processing.event.source.EventSource;
import io.javaoperatorsdk.operator.processing.event.source.inbound.SimpleInboundEventSource;
import io.luigioperator.api.PipelineSchedule;
import io.luigioperator.api.PipelineScheduleStatus;
import io.luigioperator.run.ScheduleObject;
import io.luigioperator.run.ScheduleView;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;

/** Says how a schedule stands. The runs that wait for it are woken by the watch of their cache. */
final class PipelineScheduleReconciler implements Reconciler<PipelineSchedule> {
  private final LeaderGate leaderGate;
  private final InstantSource clock;
  private final SimpleInboundEventSource<PipelineSchedule> wakes =
      new SimpleInboundEventSource<>("schedules");
  private volatile Optional<Cache<PipelineSchedule>> known = Optional.empty();

  PipelineScheduleReconciler(LeaderGate leaderGate, InstantSource clock) {
    this.leaderGate = leaderGate;
    this.clock = clock;
  }

  @Override
  public UpdateControl<PipelineSchedule> reconcile(
      PipelineSchedule schedule, Context<PipelineSchedule> context) {
    leaderGate.ifLeading(() -> say(schedule, context));
    return UpdateControl.noUpdate();
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

  private Optional<PipelineSchedule> say(
      PipelineSchedule schedule, Context<PipelineSchedule> context) {
    ObjectMeta meta = schedule.getMetadata();
    PipelineScheduleStatus status =
        ScheduleView.of(
            new ScheduleObject(
                meta.getNamespace(), meta.getName(), meta.getGeneration(), schedule.getSpec()),
            Optional.ofNullable(schedule.getStatus()),
            clock.instant());
    if (status.equals(schedule.getStatus())) {
      return Optional.empty();
    }
    // by an UpdateControl the next look, if it comes before the watch tells, would write it again
    return Optional.of(
        PrimaryUpdateAndCacheUtils.patchStatusAndCacheResource(
            schedule,
            context,
            copy -> {
              copy.setStatus(status);
              return copy;
            }));
  }
}
