/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.chart;

import com.fasterxml.jackson.core.JsonPointer;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.BooleanNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.LongNode;
import com.fasterxml.jackson.databind.node.NumericNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import io.luigioperator.testing.Repository;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The leaf fields of a custom resource by their paths, such as {@code spec.clients[].id} for items
 * of lists and {@code spec.limits{}} for values of maps.
 */
record ResourceFields(JsonNode schema, Map<String, JsonNode> leaves) {
  private static final Path CRDS = Repository.path("crds");
  private static final YAMLMapper YAML = new YAMLMapper();
  private static final Pattern LAST_DIGIT = Pattern.compile("(.*)([0-9])([^0-9]*)");

  /** A changed document with a description of the change. */
  record Change(JsonNode document, String description) {}

  static ResourceFields of(String file) {
    JsonNode schema =
        read(CRDS.resolve(file)).at("/spec/versions/0/schema/openAPIV3Schema/properties");
    var leaves = new TreeMap<String, JsonNode>();
    for (String half : List.of("spec", "status")) {
      collect(half, schema.get(half), leaves);
    }
    return new ResourceFields(schema, leaves);
  }

  /** A valid document. If its pipeline is the name of a file, the file replaces it. */
  static ObjectNode valid(String name) {
    Path folder = CRDS.resolve("src/test/resources/valid");
    var document = (ObjectNode) read(folder.resolve(name));
    JsonNode pipeline = document.at("/spec/pipeline");
    if (pipeline.isTextual()) {
      ((ObjectNode) document.get("spec")).set("pipeline", read(folder.resolve(pipeline.asText())));
    }
    return document;
  }

  private static JsonNode read(Path file) {
    try {
      return YAML.readTree(file.toFile());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void collect(String path, JsonNode schema, Map<String, JsonNode> leaves) {
    Map<String, JsonNode> inner = inner(schema);
    inner.forEach((step, deeper) -> collect(path + step, deeper, leaves));
    if (inner.isEmpty()) {
      leaves.put(path, schema);
    }
  }

  /** The schemas below this one by path step; none for an open object. */
  private static Map<String, JsonNode> inner(JsonNode schema) {
    var inner = new TreeMap<String, JsonNode>();
    schema.path("properties").properties().forEach(e -> inner.put("." + e.getKey(), e.getValue()));
    JsonNode items = schema.path("items");
    if (items.has("properties")
        || items.has("type") && !items.path("type").asText().equals("object")) {
      inner.put("[]", items);
    }
    if (schema.path("additionalProperties").has("type")) {
      inner.put("{}", schema.get("additionalProperties"));
    }
    return inner;
  }

  /** All locations at which a document sets the field. */
  List<JsonPointer> places(String field, JsonNode document) {
    var found = new ArrayList<JsonPointer>();
    String half = field.substring(0, field.indexOf('.'));
    find(half, schema.get(half), JsonPointer.empty().appendProperty(half), field, document, found);
    return found;
  }

  private static void find(
      String path,
      JsonNode schema,
      JsonPointer here,
      String field,
      JsonNode document,
      List<JsonPointer> found) {
    JsonNode value = document.at(here);
    if (value.isMissingNode()) {
      return;
    }
    if (path.equals(field)) {
      found.add(here);
      return;
    }
    inner(schema)
        .forEach(
            (step, deeper) -> {
              String child = path + step;
              if (!field.startsWith(child)) {
                return;
              }
              if (step.equals("[]")) {
                for (int i = 0; i < value.size(); i++) {
                  find(child, deeper, here.appendIndex(i), field, document, found);
                }
              } else if (step.equals("{}")) {
                value
                    .fieldNames()
                    .forEachRemaining(
                        key ->
                            find(child, deeper, here.appendProperty(key), field, document, found));
              } else {
                find(child, deeper, here.appendProperty(step.substring(1)), field, document, found);
              }
            });
  }

  /** The document with the field changed, once for each location. */
  List<Change> changes(JsonNode document, String field) {
    boolean notAllowed = leaves.get(field).path("description").asText().startsWith("Not allowed");
    return Stream.concat(
            notAllowed ? added(document, field) : Stream.empty(),
            places(field, document).stream().map(place -> changed(document, place, field)))
        .toList();
  }

  /** Another value at the location; removes the value if the schema allows no other. */
  private Change changed(JsonNode document, JsonPointer place, String field) {
    Optional<JsonNode> other = other(leaves.get(field), document.at(place));
    JsonNode copy = document.deepCopy();
    JsonNode parent = copy.at(place.head());
    String name = place.last().getMatchingProperty();
    int index = place.last().getMatchingIndex();
    switch (parent) {
      case ArrayNode list when other.isPresent() -> list.set(index, other.get());
      case ArrayNode list -> list.remove(index);
      case ObjectNode object when other.isPresent() -> object.set(name, other.get());
      case ObjectNode object -> object.remove(name);
      default -> throw new IllegalStateException("neither object nor list: " + place);
    }
    String to = other.map(JsonNode::toString).orElse("absent");
    return new Change(copy, document.at(place) + " -> " + to);
  }

  /** Adds a field that is not allowed in a valid document, with any value of its type. */
  private Stream<Change> added(JsonNode document, String field) {
    int dot = field.lastIndexOf('.');
    JsonNode copy = document.deepCopy();
    JsonNodeFactory json = JsonNodeFactory.instance;
    JsonNode value =
        switch (leaves.get(field).path("type").asText()) {
          case "integer" -> json.numberNode(1);
          case "array" -> json.arrayNode().add(json.objectNode());
          default -> json.textNode("x");
        };
    if (!(copy.at("/" + field.substring(0, dot).replace('.', '/')) instanceof ObjectNode parent)) {
      return Stream.empty();
    }
    parent.set(field.substring(dot + 1), value);
    return Stream.of(new Change(copy, "absent -> " + value));
  }

  private static Optional<JsonNode> other(JsonNode leaf, JsonNode value) {
    if (leaf.has("enum")) {
      return Manifests.each(leaf.get("enum")).filter(v -> !v.equals(value)).findFirst();
    }
    boolean most = leaf.has("maximum") && leaf.get("maximum").asLong() == value.asLong();
    JsonNode other = most ? LongNode.valueOf(value.asLong() - 1) : other(value);
    return Optional.of(other).filter(o -> !o.equals(value));
  }

  /** Changes every value inside an open object. */
  private static JsonNode other(JsonNode value) {
    return switch (value) {
      case ObjectNode object -> {
        ObjectNode copy = object.deepCopy();
        object.properties().forEach(e -> copy.set(e.getKey(), other(e.getValue())));
        yield copy;
      }
      case ArrayNode list -> {
        ArrayNode copy = JsonNodeFactory.instance.arrayNode();
        list.forEach(item -> copy.add(other(item)));
        yield copy;
      }
      case BooleanNode flag -> BooleanNode.valueOf(!flag.asBoolean());
      case NumericNode number -> LongNode.valueOf(number.asLong() + 1);
      default -> TextNode.valueOf(otherText(value.asText()));
    };
  }

  /** Changes the last digit, so dates, times, quantities and versions stay valid. */
  private static String otherText(String text) {
    Matcher digit = LAST_DIGIT.matcher(text);
    return digit.matches()
        ? digit.group(1) + (Integer.parseInt(digit.group(2)) + 1) % 10 + digit.group(3)
        : text + "x";
  }
}
