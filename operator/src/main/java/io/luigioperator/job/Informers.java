/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.Informable;
import io.fabric8.kubernetes.client.informers.ResourceEventHandler;
import io.fabric8.kubernetes.client.informers.SharedIndexInformer;
import io.luigioperator.run.RunKey;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * Keeps Jobs and pods of a {@link ClusterView} up to date and reports which run has changed. A
 * broken watch is retried without end, with backoff; until it works again the view lags.
 */
final class Informers implements AutoCloseable {

  private final ClusterView view;
  private final List<Watch> informers = new ArrayList<>();
  private final List<Consumer<RunKey>> listeners = new CopyOnWriteArrayList<>();

  /**
   * @param target kind, and namespace if only one is watched
   */
  private record Watch(String target, SharedIndexInformer<?> informer) {}

  /** Handles the events of one kind. */
  private interface Handler<T> {
    void addedOrUpdated(T object);

    /**
     * @param stateKnown whether the object is in its last state; false if the event was missed
     */
    void deleted(T object, boolean stateKnown);
  }

  /**
   * @param namespaces the namespaces to watch; empty: all
   */
  Informers(KubernetesClient client, ClusterView view, List<String> namespaces) {
    this.view = view;
    for (String namespace : namespaces.isEmpty() ? List.of("") : namespaces) {
      add(namespace, PagedList.of(client.batch().v1().jobs(), namespace), Job::new, new Jobs());
      add(namespace, PagedList.of(client.pods(), namespace), Pod::new, new Pods());
    }
  }

  private <T extends HasMetadata> void add(
      String namespace, Informable<T> objects, Supplier<T> empty, Handler<T> handler) {
    String kind = empty.get().getKind();
    SharedIndexInformer<T> informer =
        objects
            .withLimit(PagedList.PAGE)
            .runnableInformer(0)
            .itemStore(new MetadataStore<>(empty))
            .exceptionHandler((started, e) -> true)
            .addEventHandler(
                new ResourceEventHandler<T>() {
                  @Override
                  public void onAdd(T object) {
                    handler.addedOrUpdated(object);
                  }

                  @Override
                  public void onUpdate(T before, T object) {
                    handler.addedOrUpdated(object);
                  }

                  @Override
                  public void onDelete(T object, boolean finalStateUnknown) {
                    handler.deleted(object, !finalStateUnknown);
                  }
                });
    informers.add(
        new Watch(namespace.isEmpty() ? kind : kind + " in namespace " + namespace, informer));
  }

  /** The listener is called on the thread of a watch and must not block. */
  void onChange(Consumer<RunKey> listener) {
    listeners.add(listener);
  }

  private void changed(RunKey run) {
    listeners.forEach(l -> l.accept(run));
  }

  /**
   * Returns when all informers have synced.
   *
   * @throws KubeUnavailable if that takes longer than the timeout; the informers keep trying
   */
  void start(Duration timeout) {
    CompletableFuture<?>[] started =
        informers.stream()
            .map(w -> w.informer().start().toCompletableFuture())
            .toArray(CompletableFuture<?>[]::new);
    try {
      CompletableFuture.allOf(started).get(timeout.toMillis(), TimeUnit.MILLISECONDS);
    } catch (TimeoutException e) {
      throw new KubeUnavailable("the informers did not sync within " + timeout, e);
    } catch (ExecutionException e) {
      throw new KubeUnavailable(
          "starting the informers: " + Objects.requireNonNullElse(e.getCause(), e).getMessage(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new KubeUnavailable("interrupted while the informers synced", e);
    }
  }

  /** What is not watched at the moment; empty if all is. */
  Optional<String> broken() {
    List<String> broken =
        informers.stream().filter(w -> !w.informer().isWatching()).map(Watch::target).toList();
    return broken.isEmpty() ? Optional.empty() : Optional.of(String.join(", ", broken));
  }

  @Override
  public void close() {
    informers.forEach(w -> w.informer().stop());
  }

  private final class Jobs implements Handler<Job> {
    @Override
    public void addedOrUpdated(Job job) {
      if (view.update(job)) {
        changed(ClusterView.runOf(job));
      }
    }

    @Override
    public void deleted(Job job, boolean stateKnown) {
      view.remove(job);
      if (stateKnown) {
        changed(ClusterView.runOf(job));
      }
    }
  }

  private final class Pods implements Handler<Pod> {
    @Override
    public void addedOrUpdated(Pod pod) {
      if (view.watched(pod)) {
        changed(ClusterView.runOf(pod));
      }
    }

    @Override
    public void deleted(Pod pod, boolean stateKnown) {
      if (!stateKnown) {
        view.removeWithoutState(pod).ifPresent(Informers.this::changed);
      } else if (view.remove(pod)) {
        changed(ClusterView.runOf(pod));
      }
    }
  }
}
