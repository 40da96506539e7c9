/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.io.IOException;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/** The YAML documents in src/test/resources, with access by the paths of {@link SchemaTree}. */
final class Documents {
  private static final YAMLMapper YAML = new YAMLMapper();

  private Documents() {}

  static JsonNode read(String name) throws IOException {
    try (var file = Documents.class.getResourceAsStream("/" + name)) {
      if (file == null) {
        throw new IllegalArgumentException("no test resource " + name);
      }
      return YAML.readTree(file);
    }
  }

  /** A valid document. If its pipeline is the name of a file, the file replaces it. */
  static ObjectNode valid(String name) throws IOException {
    var document = (ObjectNode) read("valid/" + name);
    var pipeline = document.at("/spec/pipeline");
    if (pipeline.isTextual()) {
      ((ObjectNode) document.get("spec")).set("pipeline", read("valid/" + pipeline.asText()));
    }
    return document;
  }

  /**
   * Sets the value at the path, or removes it if the given value is empty.
   *
   * @return the path as in messages of the API server, with indexes and keys
   * @throws IllegalArgumentException if the document has no such path
   */
  static String set(ObjectNode document, String path, Optional<JsonNode> value) {
    return set(document, path, "", value)
        .orElseThrow(() -> new IllegalArgumentException("nothing to replace at " + path));
  }

  private static Optional<String> set(
      JsonNode node, String path, String done, Optional<JsonNode> value) {
    if (path.startsWith("[]")) {
      String rest = path.substring(2);
      for (int i = 0; i < node.size(); i++) {
        String here = done + "[" + i + "]";
        if (rest.isEmpty()) {
          ((ArrayNode) node).set(i, value.orElseThrow());
          return Optional.of(here);
        }
        var found = set(node.get(i), rest.substring(1), here, value);
        if (found.isPresent()) {
          return found;
        }
      }
      return Optional.empty();
    }
    if (path.equals("{}")) {
      String key = node.fieldNames().next();
      ((ObjectNode) node).set(key, value.orElseThrow());
      return Optional.of(done + "." + key);
    }
    int end = endOfName(path);
    String name = path.substring(0, end);
    String rest = path.substring(end);
    String here = done.isEmpty() ? name : done + "." + name;
    if (rest.isEmpty()) {
      // in a list, use the item that already has the field
      if (!node.has(name) && here.contains("[")) {
        return Optional.empty();
      }
      var parent = (ObjectNode) node;
      value.ifPresentOrElse(v -> parent.set(name, v), () -> parent.remove(name));
      return Optional.of(here);
    }
    if (!node.has(name)) {
      return Optional.empty();
    }
    return set(node.get(name), rest.startsWith(".") ? rest.substring(1) : rest, here, value);
  }

  private static int endOfName(String path) {
    int end = 0;
    while (end < path.length() && ".[{".indexOf(path.charAt(end)) < 0) {
      end++;
    }
    return end;
  }

  /** The schema paths of all values in a document; for enums also path=value. */
  static Set<String> paths(JsonNode document, SchemaTree tree) {
    var found = new TreeSet<String>();
    collect("", document, tree.root(), found);
    return found;
  }

  private static void collect(String path, JsonNode value, JsonNode schema, Set<String> found) {
    found.add(path);
    if (schema.has("enum")) {
      found.add(path + "=" + value.asText());
    }
    if (value.isArray() && schema.has("items")) {
      value.forEach(item -> collect(path + "[]", item, schema.get("items"), found));
    }
    if (value.isObject()) {
      value
          .properties()
          .forEach(
              entry -> {
                var property = schema.path("properties").path(entry.getKey());
                if (property.isObject()) {
                  String child = path.isEmpty() ? entry.getKey() : path + "." + entry.getKey();
                  collect(child, entry.getValue(), property, found);
                } else if (schema.path("additionalProperties").isObject()) {
                  collect(path + "{}", entry.getValue(), schema.get("additionalProperties"), found);
                }
              });
    }
  }
}
