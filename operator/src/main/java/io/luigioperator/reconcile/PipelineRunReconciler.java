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
import io.luigioperator.reconcile.RunQueue.Lane;
import java.util.List;

/**
 * Queues a PipelineRun that was created or whose spec has changed. {@link RunQueue} orders the work
 * instead of the sdk, because runs with a live attempt come first, and because a run whose
 * PipelineRun was deleted may need work, too.
 */
final class PipelineRunReconciler implements Reconciler<PipelineRun> {
  private final RunEventSource events;
  private final RunQueue queue;

  PipelineRunReconciler(RunEventSource events, RunQueue queue) {
    this.events = events;
    this.queue = queue;
  }

  @Override
  public UpdateControl<PipelineRun> reconcile(PipelineRun run, Context<PipelineRun> context) {
    queue.wake(RunEventSource.key(run), Lane.CHANGED);
    return UpdateControl.noUpdate();
  }

  @Override
  public List<EventSource<?, PipelineRun>> prepareEventSources(
      EventSourceContext<PipelineRun> context) {
    return List.of(events);
  }
}
