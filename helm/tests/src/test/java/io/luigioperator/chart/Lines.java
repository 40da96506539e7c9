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

/** Records and JSON, flat: each value by its path, so that one can say what a change changes. */
final class Lines {
  private final SortedMap<String, String> values = new TreeMap<>();

  /** Adds all that something is made of. */
  Lines with(String path, Object value) {
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

  /** Takes out a path and all below it. */
  Lines without(String path) {
    if (!values.keySet().removeIf(key -> key.equals(path) || key.startsWith(path + "."))) {
      throw new IllegalArgumentException("there is no " + path);
    }
    return this;
  }

  /** What is otherwise now, as {@code path = value}, and what is no longer. */
  List<String> since(Lines before) {
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
