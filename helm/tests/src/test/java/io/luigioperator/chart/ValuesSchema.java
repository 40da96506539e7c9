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

/** The values.schema.json of the operator chart, with resolved references. */
final class ValuesSchema {
  private static final JsonNode ROOT = read();

  private ValuesSchema() {}

  /** The schema of each value, by its path. */
  static Map<String, JsonNode> leaves() {
    var leaves = new TreeMap<String, JsonNode>();
    walk(
        (path, node) -> {
          if (!node.has("properties")) {
            leaves.put(path, node);
          }
        });
    return leaves;
  }

  /** The paths of the objects with fixed properties; the root is "". */
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

  /** Visits every property with its path. */
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

  /** The referenced definition, with the description of the property. */
  private static JsonNode resolve(JsonNode node) {
    if (!node.has("$ref")) {
      return node;
    }
    JsonNode target = ROOT.at(node.path("$ref").asText().substring(1)).deepCopy();
    if (target.isMissingNode()) {
      throw new AssertionError("unknown reference: " + node);
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
