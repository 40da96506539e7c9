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
 * Puts what the java-operator-sdk sees of PipelineRuns into the cache that everything else reads.
 * The sdk calls it for every watch event, before it decides whether to reconcile. Deletions are
 * only noticed here; {@link ObjectDeletions} concludes what they mean.
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
    take(run);
  }

  @Override
  public void onResourceUpdated(PipelineRun now, PipelineRun before) {
    take(now);
    boolean another = !now.getMetadata().getUid().equals(before.getMetadata().getUid());
    if (another || now.isMarkedForDeletion() && !before.isMarkedForDeletion()) {
      deletionSeen.raise();
    }
  }

  private void take(PipelineRun run) {
    // Nothing reads them, and they are a third of what an object takes of the heap.
    run.getMetadata().setManagedFields(null);
    cache.update(run);
  }

  @Override
  public void onResourceDeleted(PipelineRun run) {
    cache.remove(run);
    deletionSeen.raise();
    // The sdk does not reconcile a run without an object, which may have an attempt to end.
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
