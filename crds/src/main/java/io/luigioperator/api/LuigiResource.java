/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonSetter;
import com.fasterxml.jackson.databind.JsonNode;
import io.fabric8.kubernetes.api.model.Namespaced;
import io.fabric8.kubernetes.api.model.ObjectMeta;
import io.fabric8.kubernetes.client.CustomResource;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What both resources have in common: whatever the API server has stored can be read.
 *
 * @param <S> spec
 * @param <T> status
 */
abstract class LuigiResource<S, T> extends CustomResource<S, T> implements Namespaced {

  /** Why the spec is null although the object has one; null if it could be read. */
  @JsonIgnore private transient @Nullable String unreadableSpec;

  abstract Class<T> statusType();

  /** Makes a new object one whose spec cannot be read. */
  final void becomeUnreadable(ObjectMeta metadata, JsonNode status, String problem) {
    setMetadata(metadata);
    if (status.isObject()) {
      readStatus(status);
    }
    unreadableSpec = problem;
  }

  /** Why the spec is null although the object has one; empty if it could be read. */
  @JsonIgnore
  public Optional<String> unreadableSpec() {
    return Optional.ofNullable(unreadableSpec);
  }

  /** Null until it is set: a record has no empty instance. */
  @Override
  protected @Nullable S initSpec() {
    return null;
  }

  /** Null until it is set: a record has no empty instance. */
  @Override
  protected @Nullable T initStatus() {
    return null;
  }

  /** Jackson calls this instead of {@code setStatus}. */
  @JsonSetter("status")
  void readStatus(JsonNode status) {
    setStatus(LenientStatus.read(status, statusType(), this));
  }
}
