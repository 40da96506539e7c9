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
 * What an informer must remember between two events: that an object is there, and its version. A
 * whole Job takes 24 KB of heap; what matters of it is in {@link ClusterView}.
 *
 * <p>Objects are told apart by UID: one that was made anew under an old name is another one.
 */
final class MetadataStore<T extends HasMetadata> implements ItemStore<T> {

  private final Map<String, T> skeletons = new ConcurrentHashMap<>();
  private final Supplier<T> empty;

  MetadataStore(Supplier<T> empty) {
    this.empty = empty;
  }

  private T skeletonOf(T object) {
    T skeleton = empty.get();
    skeleton.setMetadata(
        new ObjectMetaBuilder()
            .withNamespace(object.getMetadata().getNamespace())
            .withName(object.getMetadata().getName())
            .withUid(object.getMetadata().getUid())
            .withResourceVersion(object.getMetadata().getResourceVersion())
            .build());
    return skeleton;
  }

  @Override
  public String getKey(T object) {
    return object.getMetadata().getUid();
  }

  @Override
  public @Nullable T put(String key, T object) {
    return skeletons.put(key, skeletonOf(object));
  }

  @Override
  public @Nullable T remove(String key) {
    return skeletons.remove(key);
  }

  @Override
  public Stream<String> keySet() {
    return skeletons.keySet().stream();
  }

  @Override
  public Stream<T> values() {
    return skeletons.values().stream();
  }

  @Override
  public int size() {
    return skeletons.size();
  }

  @Override
  public @Nullable T get(String key) {
    return skeletons.get(key);
  }

  /** Makes the informer hand over whole objects as they come, and none from here. */
  @Override
  public boolean isFullState() {
    return false;
  }
}
