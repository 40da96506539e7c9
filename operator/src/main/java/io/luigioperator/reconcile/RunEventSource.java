/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.javaoperatorsdk.operator.processing.event.source.AbstractEventSource;
import io.javaoperatorsdk.operator.processing.event.source.ResourceEventAware;
import io.luigioperator.api.PipelineRun;
import io.luigioperator.job.PipelineResourceCache;
import io.luigioperator.reconcile.RunQueue.Lane;
import io.luigioperator.run.RunKey;
import java.util.Set;

/**
 * Updates the cache of PipelineRuns with the watch events of the java-operator-sdk. The sdk calls
 * it for every event, before it decides whether to reconcile. A deletion only raises a signal here;
 * {@link ObjectDeletions} decides what follows from it.
 */
final class RunEventSource extends AbstractEventSource<Void, PipelineRun>
    implements ResourceEventAware<PipelineRun> {
  private final PipelineResourceCache cache;
  private final RunQueue queue;
  private final Signal deletionSeen;

  RunEventSource(PipelineResourceCache cache, RunQueue queue, Signal deletionSeen) {
    super(Void.class, "runs");
    this.cache = cache;
    this.queue = queue;
    this.deletionSeen = deletionSeen;
  }

  @Override
  public void onResourceCreated(PipelineRun run) {
    update(run);
  }

  @Override
  public void onResourceUpdated(PipelineRun now, PipelineRun before) {
    update(now);
    boolean replaced = !now.getMetadata().getUid().equals(before.getMetadata().getUid());
    if (replaced || now.isMarkedForDeletion() && !before.isMarkedForDeletion()) {
      deletionSeen.raise();
    }
  }

  private void update(PipelineRun run) {
    cache.update(run);
    // The sdk keeps the object, but nothing reads from it what the cache has, or what users can
    // fill
    // with a megabyte of text.
    StoredObjects.reduce(run.getMetadata());
    run.setSpec(null);
  }

  @Override
  public void onResourceDeleted(PipelineRun run) {
    cache.remove(run);
    deletionSeen.raise();
    // The sdk does not reconcile a deleted object, but its run may have a live attempt to end.
    queue.wake(key(run), Lane.LIVE);
  }

  static RunKey key(PipelineRun run) {
    return new RunKey(run.getMetadata().getNamespace(), run.getMetadata().getName());
  }

  @Override
  public Set<Void> getSecondaryResources(PipelineRun run) {
    return Set.of();
  }
}
