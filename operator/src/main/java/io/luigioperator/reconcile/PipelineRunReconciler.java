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

/**
 * Drives a run, and says when to come back. Everything it needs is read anew by the runReconciler.
 */
final class PipelineRunReconciler implements Reconciler<PipelineRun> {
  private final RunReconciler runReconciler;
  private final LeaderGate leaderGate;
  private final RunEventSource events;

  PipelineRunReconciler(RunReconciler runReconciler, LeaderGate leaderGate, RunEventSource events) {
    this.runReconciler = runReconciler;
    this.leaderGate = leaderGate;
    this.events = events;
  }

  @Override
  public UpdateControl<PipelineRun> reconcile(PipelineRun run, Context<PipelineRun> context) {
    Optional<Duration> again =
        leaderGate
            .ifLeading(() -> runReconciler.reconcile(RunEventSource.key(run)))
            .flatMap(drive -> drive);
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
