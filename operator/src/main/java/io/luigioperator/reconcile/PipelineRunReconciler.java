/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.javaoperatorsdk.operator.api.reconciler.Context;
import io.javaoperatorsdk.operator.api.reconciler.EventSourceContext;
import io.javaoperatorsdk.operator.api.reconciler.Reconciler;
import io.javaoperatorsdk.operator.api.reconciler.UpdateControl;
import io.javaoperatorsdk.operator.processing.event.source.EventSource;
import io.luigioperator.api.PipelineRun;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** Drives a run, and says when to come back. Everything it needs is read anew by the driver. */
final class PipelineRunReconciler implements Reconciler<PipelineRun> {
  private final RunDriver driver;
  private final Duty duty;
  private final RunEvents events;

  PipelineRunReconciler(RunDriver driver, Duty duty, RunEvents events) {
    this.driver = driver;
    this.duty = duty;
    this.events = events;
  }

  @Override
  public UpdateControl<PipelineRun> reconcile(PipelineRun run, Context<PipelineRun> context) {
    Optional<Duration> again =
        duty.whileOn(() -> driver.drive(RunEvents.key(run))).flatMap(drive -> drive);
    UpdateControl<PipelineRun> done = UpdateControl.noUpdate();
    return again.map(done::rescheduleAfter).orElse(done);
  }

  @Override
  public List<EventSource<?, PipelineRun>> prepareEventSources(
      EventSourceContext<PipelineRun> context) {
    events.watch(context.getPrimaryCache());
    return List.of(events);
  }
}
