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
   * @param what it looks at, in words
   */
  private record Watch(String what, SharedIndexInformer<?> informer) {}

  /** What happens to one kind of object. */
  private interface Handling<T> {
    void there(T object);

    /**
     * @param lastState the watch told how it looked when it was deleted
     */
    void gone(T object, boolean lastState);
  }

  /**
   * @param namespaces which ones to watch; empty: all
   */
  Informers(KubernetesClient client, ClusterView view, List<String> namespaces) {
    this.view = view;
    for (String namespace : namespaces.isEmpty() ? List.of("") : namespaces) {
      add(namespace, PagedList.of(client.batch().v1().jobs(), namespace), Job::new, new Jobs());
      add(namespace, PagedList.of(client.pods(), namespace), Pod::new, new Pods());
    }
  }

  private <T extends HasMetadata> void add(
      String namespace, Informable<T> objects, Supplier<T> empty, Handling<T> handling) {
    String kind = empty.get().getKind();
    SharedIndexInformer<T> informer =
        objects
            .runnableInformer(0)
            .itemStore(new MetadataStore<>(empty))
            .exceptionHandler((started, e) -> true)
            .addEventHandler(
                new ResourceEventHandler<T>() {
                  @Override
                  public void onAdd(T object) {
                    handling.there(object);
                  }

                  @Override
                  public void onUpdate(T before, T object) {
                    handling.there(object);
                  }

                  @Override
                  public void onDelete(T object, boolean finalStateUnknown) {
                    handling.gone(object, !finalStateUnknown);
                  }
                });
    informers.add(
        new Watch(namespace.isEmpty() ? kind : kind + " in namespace " + namespace, informer));
  }

  /** Called from the thread of a watch: the listener must not wait for anything. */
  void onChange(Consumer<RunKey> listener) {
    listeners.add(listener);
  }

  private void changed(RunKey run) {
    listeners.forEach(l -> l.accept(run));
  }

  /**
   * Returns when everything has been seen once.
   *
   * @throws KubeUnavailable if that takes longer; the watches go on trying
   */
  void start(Duration patience) {
    CompletableFuture<?>[] started =
        informers.stream()
            .map(w -> w.informer().start().toCompletableFuture())
            .toArray(CompletableFuture<?>[]::new);
    try {
      CompletableFuture.allOf(started).get(patience.toMillis(), TimeUnit.MILLISECONDS);
    } catch (TimeoutException e) {
      throw new KubeUnavailable("not everything was seen within " + patience, e);
    } catch (ExecutionException e) {
      throw new KubeUnavailable(
          "watching: " + Objects.requireNonNullElse(e.getCause(), e).getMessage(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new KubeUnavailable("interrupted while starting to watch", e);
    }
  }

  /** What is not watched right now, in words; empty when all is. */
  Optional<String> broken() {
    List<String> broken =
        informers.stream().filter(w -> !w.informer().isWatching()).map(Watch::what).toList();
    return broken.isEmpty() ? Optional.empty() : Optional.of(String.join(", ", broken));
  }

  @Override
  public void close() {
    informers.forEach(w -> w.informer().stop());
  }

  private final class Jobs implements Handling<Job> {
    @Override
    public void there(Job job) {
      if (view.saw(job)) {
        changed(ClusterView.runOf(job));
      }
    }

    @Override
    public void gone(Job job, boolean lastState) {
      view.forget(job);
      if (lastState) {
        changed(ClusterView.runOf(job));
      }
    }
  }

  private final class Pods implements Handling<Pod> {
    @Override
    public void there(Pod pod) {
      if (view.saw(pod)) {
        changed(ClusterView.runOf(pod));
      }
    }

    @Override
    public void gone(Pod pod, boolean lastState) {
      if (!lastState) {
        view.missed(pod).ifPresent(Informers.this::changed);
      } else if (view.sawDeletionOf(pod)) {
        changed(ClusterView.runOf(pod));
      }
    }
  }
}
