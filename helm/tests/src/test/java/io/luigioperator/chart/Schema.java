/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.chart;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.luigioperator.testing.Repository;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.BiConsumer;

/** The schema of the operator chart's values, with its references followed. */
final class Schema {
  private static final JsonNode ROOT = read();

  private Schema() {}

  /** What one value may be, by its path with dots. */
  static Map<String, JsonNode> leaves() {
    var leaves = new TreeMap<String, JsonNode>();
    walk(
        (path, node) -> {
          if (!node.has("properties")) {
            leaves.put(path, node);
          }
        });
    // Handed down by parent charts; it has no value of ours.
    leaves.remove("global");
    return leaves;
  }

  /** The paths of objects with fixed keys; the root is "". */
  static TreeSet<String> objects() {
    var objects = new TreeSet<String>();
    objects.add("");
    walk(
        (path, node) -> {
          if (node.has("properties")) {
            objects.add(path);
          }
        });
    return objects;
  }

  /** Hands over every property, as written where it is used. */
  static void walk(BiConsumer<String, JsonNode> visitor) {
    walk("", ROOT, visitor);
  }

  private static void walk(String prefix, JsonNode object, BiConsumer<String, JsonNode> visitor) {
    object
        .path("properties")
        .properties()
        .forEach(
            entry -> {
              String path = prefix + entry.getKey();
              JsonNode resolved = resolve(entry.getValue());
              visitor.accept(path, resolved);
              walk(path + ".", resolved, visitor);
            });
  }

  /** The definition that is referred to, with the description of the place that refers to it. */
  private static JsonNode resolve(JsonNode node) {
    if (!node.has("$ref")) {
      return node;
    }
    JsonNode target = ROOT.at(node.path("$ref").asText().substring(1)).deepCopy();
    if (target.isMissingNode()) {
      throw new AssertionError("refers to nothing: " + node);
    }
    return ((ObjectNode) target).set("description", node.path("description"));
  }

  private static JsonNode read() {
    try {
      return new ObjectMapper()
          .readTree(Files.readString(Repository.path("helm/luigi-operator/values.schema.json")));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
