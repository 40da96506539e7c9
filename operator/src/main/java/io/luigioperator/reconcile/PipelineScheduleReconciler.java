/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.javaoperatorsdk.operator.api.reconciler.Context;
import io.javaoperatorsdk.operator.api.reconciler.EventSourceContext;
import io.javaoperatorsdk.operator.api.reconciler.PrimaryUpdateAndCacheUtils;
import io.javaoperatorsdk.operator.api.reconciler.Reconciler;
import io.javaoperatorsdk.operator.api.reconciler.UpdateControl;
import io.javaoperatorsdk.operator.processing.event.ResourceID;
import io.javaoperatorsdk.operator.processing.event.source.Cache;
import io.javaoperatorsdk.operator.processing.event.source.EventSource;
import io.javaoperatorsdk.operator.processing.event.source.ResourceEventAware;
import io.javaoperatorsdk.operator.processing.event.source.inbound.SimpleInboundEventSource;
import io.luigioperator.api.PipelineSchedule;
import io.luigioperator.api.PipelineScheduleSpec;
import io.luigioperator.api.PipelineScheduleStatus;
import io.luigioperator.job.CustomResources;
import io.luigioperator.job.PipelineResourceCache;
import io.luigioperator.reconcile.RunQueue.Lane;
import io.luigioperator.run.RequestJson;
import io.luigioperator.run.ScheduleKey;
import io.luigioperator.run.ScheduleView;
import java.time.InstantSource;
import java.util.List;
import java.util.Objects;
import java.util.Optional;

/**
 * Writes the status of a schedule. When its spec has changed, queues the runs that refer to it, and
 * has its crons taken over.
 */
final class PipelineScheduleReconciler implements Reconciler<PipelineSchedule> {
  /** A larger spec, in bytes of JSON, is not kept by the sdk, so that many fit into the heap. */
  private static final int KEPT_SPEC = 32 * 1024;

  private final PipelineResourceCache resources;
  private final RunQueue queue;
  private final LeaderGate leaderGate;
  private final TickSource ticks;
  private final InstantSource clock;
  private final ScheduleEvents events = new ScheduleEvents();
  private volatile Optional<Cache<PipelineSchedule>> known = Optional.empty();

  PipelineScheduleReconciler(
      PipelineResourceCache resources,
      RunQueue queue,
      LeaderGate leaderGate,
      TickSource ticks,
      InstantSource clock) {
    this.resources = resources;
    this.queue = queue;
    this.leaderGate = leaderGate;
    this.ticks = ticks;
    this.clock = clock;
    ticks.onChange(this::wake);
  }

  /** Gets every watch event of a schedule, before the sdk decides whether to reconcile. */
  private final class ScheduleEvents extends SimpleInboundEventSource<PipelineSchedule>
      implements ResourceEventAware<PipelineSchedule> {
    ScheduleEvents() {
      super("schedules");
    }

    @Override
    public void onResourceCreated(PipelineSchedule schedule) {
      keep(schedule);
      ticks.changed(key(schedule));
    }

    @Override
    public void onResourceUpdated(PipelineSchedule now, PipelineSchedule before) {
      keep(now);
      if (!isSameSpec(now, before)) {
        ticks.changed(key(now));
      }
    }

    private void keep(PipelineSchedule schedule) {
      resources.update(schedule).forEach(run -> queue.wake(run, Lane.CHANGED));
      StoredObjects.reduce(schedule.getMetadata());
      if (isLarge(schedule)) {
        schedule.setSpec(null);
      }
    }

    @Override
    public void onResourceDeleted(PipelineSchedule schedule) {
      resources.remove(schedule).forEach(run -> queue.wake(run, Lane.CHANGED));
      ticks.changed(key(schedule));
    }
  }

  private static ScheduleKey key(PipelineSchedule schedule) {
    return new ScheduleKey(schedule.getMetadata().getNamespace(), schedule.getMetadata().getName());
  }

  private static boolean isSameSpec(PipelineSchedule a, PipelineSchedule b) {
    return Objects.equals(a.getMetadata().getUid(), b.getMetadata().getUid())
        && Objects.equals(a.getMetadata().getGeneration(), b.getMetadata().getGeneration());
  }

  @Override
  public UpdateControl<PipelineSchedule> reconcile(
      PipelineSchedule schedule, Context<PipelineSchedule> context) {
    leaderGate.ifLeading(() -> writeStatus(schedule, context));
    return UpdateControl.noUpdate();
  }

  @Override
  public List<EventSource<?, PipelineSchedule>> prepareEventSources(
      EventSourceContext<PipelineSchedule> context) {
    known = Optional.of(context.getPrimaryCache());
    return List.of(events);
  }

  /** Has every known schedule reconciled, and its cron times decided. */
  void wakeAll() {
    for (ResourceID id : known.stream().flatMap(Cache::keys).toList()) {
      events.propagateEvent(id);
      ticks.changed(new ScheduleKey(id.getNamespace().orElse(""), id.getName()));
    }
  }

  /** Has the status of a schedule written. */
  private void wake(ScheduleKey schedule) {
    events.propagateEvent(new ResourceID(schedule.name(), schedule.namespace()));
  }

  private static boolean isLarge(PipelineSchedule schedule) {
    PipelineScheduleSpec spec = schedule.getSpec();
    return spec != null && RequestJson.isLonger(spec, KEPT_SPEC);
  }

  private Optional<PipelineSchedule> writeStatus(
      PipelineSchedule schedule, Context<PipelineSchedule> context) {
    boolean isWhole = schedule.getSpec() != null || schedule.unreadableSpec().isPresent();
    return Optional.ofNullable(isWhole ? schedule : context.getClient().resource(schedule).get())
        .flatMap(whole -> writeStatusOf(whole, context));
  }

  private Optional<PipelineSchedule> writeStatusOf(
      PipelineSchedule schedule, Context<PipelineSchedule> context) {
    PipelineScheduleStatus status =
        ScheduleView.of(
            CustomResources.schedule(schedule),
            ticks.summary(key(schedule)),
            Optional.ofNullable(schedule.getStatus()),
            clock.instant());
    if (status.equals(schedule.getStatus())) {
      return Optional.empty();
    }
    // With an UpdateControl, a reconciliation before the watch event would write the status again.
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
