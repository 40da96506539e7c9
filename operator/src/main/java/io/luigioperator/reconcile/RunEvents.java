/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import io.fabric8.kubernetes.api.model.HasMetadata;
import io.javaoperatorsdk.operator.processing.event.Event;
import io.javaoperatorsdk.operator.processing.event.ResourceID;
import io.javaoperatorsdk.operator.processing.event.source.AbstractEventSource;
import io.javaoperatorsdk.operator.processing.event.source.IndexerResourceCache;
import io.javaoperatorsdk.operator.processing.event.source.ResourceEventAware;
import io.luigioperator.api.PipelineRun;
import io.luigioperator.api.ScheduleRef;
import io.luigioperator.run.RunKey;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/**
 * Has runs looked at: those whose PipelineRun is known, by the java-operator-sdk with one look at a
 * time for each; the others as {@link Strays}. It also notices deletions, which only a pass of the
 * sweep may conclude.
 */
final class RunEvents extends AbstractEventSource<Void, PipelineRun>
    implements ResourceEventAware<PipelineRun> {
  private static final String BY_SCHEDULE = "schedule";

  private final Strays strays;
  private final Signal deletionSeen;
  private volatile Optional<IndexerResourceCache<PipelineRun>> known = Optional.empty();

  RunEvents(Strays strays, Signal deletionSeen) {
    super(Void.class, "runs");
    this.strays = strays;
    this.deletionSeen = deletionSeen;
  }

  /** To be called before the first event: {@code cache} is where known runs are looked up. */
  void watch(IndexerResourceCache<PipelineRun> cache) {
    cache.addIndexer(BY_SCHEDULE, RunEvents::scheduleOf);
    known = Optional.of(cache);
  }

  void wake(RunKey run) {
    ResourceID id = new ResourceID(run.name(), run.namespace());
    boolean known =
        isRunning()
            && this.known.flatMap(c -> c.get(id)).filter(r -> !r.isMarkedForDeletion()).isPresent();
    if (known) {
      getEventHandler().handleEvent(new Event(id));
    } else {
      strays.wake(run);
    }
  }

  void wakeAll() {
    known.stream()
        .flatMap(IndexerResourceCache::list)
        .map(RunEvents::key)
        .toList()
        .forEach(this::wake);
  }

  /** The known runs that refer to a schedule. */
  Stream<PipelineRun> of(String namespace, String schedule) {
    return known.stream().flatMap(c -> c.byIndex(BY_SCHEDULE, namespace + "/" + schedule).stream());
  }

  static RunKey key(HasMetadata object) {
    return new RunKey(object.getMetadata().getNamespace(), object.getMetadata().getName());
  }

  private static List<String> scheduleOf(PipelineRun run) {
    return Optional.ofNullable(run.getSpec().scheduleRef())
        .map(ScheduleRef::name)
        .map(name -> run.getMetadata().getNamespace() + "/" + name)
        .stream()
        .toList();
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
