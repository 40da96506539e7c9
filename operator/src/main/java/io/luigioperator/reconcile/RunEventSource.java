/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.fabric8.kubernetes.api.model.HasMetadata;
import io.javaoperatorsdk.operator.processing.event.Event;
import io.javaoperatorsdk.operator.processing.event.ResourceID;
import io.javaoperatorsdk.operator.processing.event.source.AbstractEventSource;
import io.javaoperatorsdk.operator.processing.event.source.Cache;
import io.javaoperatorsdk.operator.processing.event.source.ResourceEventAware;
import io.luigioperator.api.PipelineRun;
import io.luigioperator.job.Kube;
import io.luigioperator.job.Kube.Freshness;
import io.luigioperator.run.RunKey;
import java.util.Optional;
import java.util.Set;

/**
 * Has runs looked at: those whose PipelineRun is known, by the java-operator-sdk with one look at a
 * time for each; the others as {@link OrphanedRuns}. It also notices deletions, which only a pass
 * of the sweep may conclude.
 */
final class RunEventSource extends AbstractEventSource<Void, PipelineRun>
    implements ResourceEventAware<PipelineRun> {
  private final Kube kube;
  private final OrphanedRuns orphanedRuns;
  private final Signal deletionSeen;
  private volatile Optional<Cache<PipelineRun>> known = Optional.empty();

  RunEventSource(Kube kube, OrphanedRuns orphanedRuns, Signal deletionSeen) {
    super(Void.class, "runs");
    this.kube = kube;
    this.orphanedRuns = orphanedRuns;
    this.deletionSeen = deletionSeen;
  }

  /** To be called before the first event: {@code cache} is where known runs are looked up. */
  void watch(Cache<PipelineRun> cache) {
    known = Optional.of(cache);
  }

  void wake(RunKey run) {
    ResourceID id = new ResourceID(run.name(), run.namespace());
    Optional<PipelineRun> object = isRunning() ? known.flatMap(c -> c.get(id)) : Optional.empty();
    if (object.filter(r -> !r.isMarkedForDeletion()).isPresent()) {
      getEventHandler().handleEvent(new Event(id));
    } else if (object.isPresent() || !isAboutToBeKnown(run)) {
      orphanedRuns.wake(run);
    }
  }

  /** The other cache has seen it first: the sdk's own event is on its way. */
  private boolean isAboutToBeKnown(RunKey run) {
    return kube.run(run, Freshness.CACHED).filter(o -> !o.deleting()).isPresent();
  }

  void wakeAll() {
    known.stream().flatMap(Cache::list).map(RunEventSource::key).toList().forEach(this::wake);
  }

  static RunKey key(HasMetadata object) {
    return new RunKey(object.getMetadata().getNamespace(), object.getMetadata().getName());
  }

  @Override
  public void onResourceUpdated(PipelineRun now, PipelineRun before) {
    if (now.isMarkedForDeletion() && !before.isMarkedForDeletion()) {
      deletionSeen.raise();
    }
  }

  @Override
  public void onResourceDeleted(PipelineRun run) {
    deletionSeen.raise();
  }

  @Override
  public Set<Void> getSecondaryResources(PipelineRun run) {
    return Set.of();
  }
}
