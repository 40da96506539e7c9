/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Immutable copies of maps and lists that represent JSON; their maps may hold null values. */
final class Frozen {
  private Frozen() {}

  static Map<String, Object> map(@Nullable Map<String, Object> source) {
    if (source == null) {
      return Map.of();
    }
    var copy = new LinkedHashMap<String, Object>();
    source.forEach((key, value) -> copy.put(key, value(value)));
    return Collections.unmodifiableMap(copy);
  }

  /** A copy sorted by key, so that equal maps are serialized to equal text. */
  static Map<String, String> sorted(@Nullable Map<String, String> source) {
    return source == null ? Map.of() : Collections.unmodifiableMap(new TreeMap<>(source));
  }

  private static @Nullable Object value(@Nullable Object value) {
    return switch (value) {
      case Map<?, ?> map -> {
        var copy = new LinkedHashMap<Object, @Nullable Object>();
        map.forEach((key, item) -> copy.put(key, value(item)));
        yield Collections.unmodifiableMap(copy);
      }
      case List<?> list -> {
        var copy = new ArrayList<@Nullable Object>();
        list.forEach(item -> copy.add(value(item)));
        yield Collections.unmodifiableList(copy);
      }
      case null -> null;
      default -> value;
    };
  }
}
