/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.fabric8.kubernetes.client.informers.cache.ItemStore;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What an informer must store between two events: the identity of each object and its version. A
 * whole Job takes 24 KB of heap; what the operator needs of it is in {@link ClusterView}.
 *
 * <p>The key is the UID, so that an object that was created again under an old name is another one.
 * Thread-safe.
 */
final class MetadataStore<T extends HasMetadata> implements ItemStore<T> {

  private final Map<String, T> stored = new ConcurrentHashMap<>();
  private final Supplier<T> empty;

  MetadataStore(Supplier<T> empty) {
    this.empty = empty;
  }

  private T metadataOnly(T object) {
    T copy = empty.get();
    copy.setMetadata(
        new ObjectMetaBuilder()
            .withNamespace(object.getMetadata().getNamespace())
            .withName(object.getMetadata().getName())
            .withUid(object.getMetadata().getUid())
            .withResourceVersion(object.getMetadata().getResourceVersion())
            .build());
    return copy;
  }

  @Override
  public String getKey(T object) {
    return object.getMetadata().getUid();
  }

  @Override
  public @Nullable T put(String key, T object) {
    return stored.put(key, metadataOnly(object));
  }

  @Override
  public @Nullable T remove(String key) {
    return stored.remove(key);
  }

  @Override
  public Stream<String> keySet() {
    return stored.keySet().stream();
  }

  @Override
  public Stream<T> values() {
    return stored.values().stream();
  }

  @Override
  public int size() {
    return stored.size();
  }

  @Override
  public @Nullable T get(String key) {
    return stored.get(key);
  }

  /** False: the informer passes on each event with the whole object, and none from this store. */
  @Override
  public boolean isFullState() {
    return false;
  }
}
