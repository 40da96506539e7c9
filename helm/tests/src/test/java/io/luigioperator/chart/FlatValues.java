/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.chart;

import com.fasterxml.jackson.databind.JsonNode;
import java.lang.reflect.RecordComponent;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;

/** The values in records and JSON by their paths, to compare them after a change. */
final class FlatValues {
  private final SortedMap<String, String> values = new TreeMap<>();

  /** Adds all values of the object below the path. */
  FlatValues with(String path, Object value) {
    switch (value) {
      case JsonNode node when node.isContainerNode() && node.isEmpty() ->
          values.put(path, node.toString());
      case JsonNode node when node.isObject() ->
          node.properties().forEach(e -> with(path + "." + e.getKey(), e.getValue()));
      case JsonNode node when node.isArray() -> {
        for (int i = 0; i < node.size(); i++) {
          JsonNode name = node.get(i).path("name");
          with(path + "." + (name.isTextual() ? name.asText() : i), node.get(i));
        }
      }
      case JsonNode node -> values.put(path, node.asText());
      case Record record -> {
        for (RecordComponent component : record.getClass().getRecordComponents()) {
          with(path + "." + component.getName(), read(component, record));
        }
      }
      case Optional<?> optional -> optional.ifPresent(inner -> with(path, inner));
      case OptionalInt optional -> optional.ifPresent(number -> with(path, number));
      case OptionalLong optional -> optional.ifPresent(number -> with(path, number));
      case Map<?, ?> map -> map.forEach((key, inner) -> with(path + "." + key, inner));
      case Collection<?> list -> {
        int i = 0;
        for (Object inner : list) {
          with(path + "." + i++, inner);
        }
      }
      default -> values.put(path, value.toString());
    }
    return this;
  }

  /** Removes the path and all paths below it. */
  FlatValues without(String path) {
    if (!values.keySet().removeIf(key -> key.equals(path) || key.startsWith(path + "."))) {
      throw new IllegalArgumentException("unknown path " + path);
    }
    return this;
  }

  /**
   * The differences: changed values as {@code path = value}, removed ones as {@code path is gone}.
   */
  List<String> changesFrom(FlatValues before) {
    return Stream.concat(
            values.entrySet().stream()
                .filter(e -> !e.getValue().equals(before.values.get(e.getKey())))
                .map(e -> e.getKey() + " = " + e.getValue()),
            before.values.keySet().stream()
                .filter(path -> !values.containsKey(path))
                .map(path -> path + " is gone"))
        .toList();
  }

  private static Object read(RecordComponent component, Record record) {
    try {
      return Optional.ofNullable(component.getAccessor().invoke(record));
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(e);
    }
  }
}
