/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * The committed schema of a custom resource as a flat list of properties. In a path, {@code []}
 * stands for the items of a list and {@code {}} for the values of a map, such as {@code
 * spec.clients[].id} and {@code spec.limits{}}.
 */
record SchemaTree(String kind, JsonNode definition, JsonNode root, List<Property> properties) {
  static final Path DIRECTORY = Path.of("");

  static final List<String> FILES =
      List.of("pipelineruns.luigi-operator.io.yaml", "pipelineschedules.luigi-operator.io.yaml");

  /** A property, or the items of a list or the values of a map. */
  record Property(String path, JsonNode schema) {
    boolean isNamed() {
      return !path.endsWith("[]") && !path.endsWith("{}");
    }

    @Override
    public String toString() {
      return path;
    }
  }

  static List<SchemaTree> all() throws IOException {
    var trees = new ArrayList<SchemaTree>();
    for (var file : FILES) {
      trees.add(read(DIRECTORY.resolve(file)));
    }
    return trees;
  }

  private static SchemaTree read(Path file) throws IOException {
    JsonNode definition = new YAMLMapper().readTree(Files.readString(file));
    JsonNode root = definition.at("/spec/versions/0/schema/openAPIV3Schema");
    var properties = new ArrayList<Property>();
    collect("", root, properties);
    return new SchemaTree(
        definition.at("/spec/names/kind").asText(), definition, root, List.copyOf(properties));
  }

  private static void collect(String path, JsonNode schema, List<Property> found) {
    schema
        .path("properties")
        .properties()
        .forEach(
            entry -> {
              String child = path.isEmpty() ? entry.getKey() : path + "." + entry.getKey();
              add(child, entry.getValue(), found);
            });
    if (schema.has("items")) {
      add(path + "[]", schema.get("items"), found);
    }
    if (schema.path("additionalProperties").isObject()) {
      add(path + "{}", schema.get("additionalProperties"), found);
    }
  }

  private static void add(String path, JsonNode schema, List<Property> found) {
    found.add(new Property(path, schema));
    collect(path, schema, found);
  }
}
