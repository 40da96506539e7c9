/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.preview;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.DateTimeException;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Checks an object against the schema of its resource, like the API server: types, unknown and
 * missing fields, bounds, duplicates, and the rules that consist of one regular expression. Only
 * the API server evaluates the other rules.
 */
final class SchemaCheck {

  /** {@code self.matches('…')} and {@code self.all(x, x.matches('…'))}, the only ones read here. */
  private static final Pattern MATCHES =
      Pattern.compile(
          "(?:self(?:\\.metadata\\.name)?|self\\.all\\((\\w+), \\1)\\.matches\\('([^']*)'\\)\\)?");

  private final YamlDocument document;
  private final Problems problems;

  private SchemaCheck(YamlDocument document, Problems problems) {
    this.document = document;
    this.problems = problems;
  }

  /**
   * @param schema the openAPIV3Schema of the resource
   */
  static void run(YamlDocument document, JsonNode schema, Problems problems) {
    SchemaCheck check = new SchemaCheck(document, problems);
    JsonNode name = document.content().path("metadata").path("name");
    if (!name.isTextual()) {
      check.error("metadata.name", "is missing, or is not a string");
    } else {
      check.rules("metadata.name", name, schema);
    }
    check.fields("", document.content(), schema, Set.of("apiVersion", "kind", "metadata"));
  }

  private void error(String path, String message) {
    problems.add(document, path, message);
  }

  private void value(String path, JsonNode value, JsonNode schema) {
    if (value.isNull() || schema.path("x-kubernetes-int-or-string").asBoolean()) {
      return; // null counts as missing
    }
    String type = schema.path("type").asText();
    boolean matches =
        switch (type) {
          case "object" -> value.isObject();
          case "array" -> value.isArray();
          case "string" -> value.isTextual();
          case "integer" -> value.isIntegralNumber();
          case "number" -> value.isNumber();
          case "boolean" -> value.isBoolean();
          default -> true;
        };
    if (!matches) {
      error(path, wrongType(path, value, type));
      return;
    }
    int before = problems.size();
    switch (type) {
      case "object" -> object(path, value, schema);
      case "array" -> array(path, value, schema);
      case "string" -> string(path, value.asText(), schema);
      case "integer", "number" -> number(path, value, schema);
      default -> {}
    }
    if (problems.size() == before) {
      rules(path, value, schema);
    }
  }

  private String wrongType(String path, JsonNode value, String type) {
    String expected =
        switch (type) {
          case "array" -> "a list";
          case "object" -> "an object";
          case "integer" -> "an integer";
          default -> "a " + type;
        };
    String written = document.plainText().get(path);
    if (type.equals("string") && written != null) {
      return "must be a string, but YAML reads %s as a %s; put it in quotes: \"%s\""
          .formatted(written, value.isBoolean() ? "boolean" : "number", written);
    }
    return "must be %s, not %s"
        .formatted(
            expected,
            switch (value.getNodeType()) {
              case OBJECT -> "an object";
              case ARRAY -> "a list";
              case STRING -> "the string \"" + value.asText() + "\"";
              case BOOLEAN -> "a boolean";
              default -> "the number " + value.asText();
            });
  }

  private void object(String path, JsonNode value, JsonNode schema) {
    JsonNode extra = schema.path("additionalProperties");
    if (extra.isObject()) {
      value.properties().forEach(f -> value(path + "." + f.getKey(), f.getValue(), extra));
      bounds(path, value.size(), schema, "maxProperties", "", "entries");
    } else {
      fields(path, value, schema, Set.of());
    }
  }

  private void fields(String path, JsonNode value, JsonNode schema, Set<String> unchecked) {
    String prefix = path.isEmpty() ? "" : path + ".";
    JsonNode known = schema.path("properties");
    for (Map.Entry<String, JsonNode> field : value.properties()) {
      String name = field.getKey();
      if (known.has(name) && !unchecked.contains(name)) {
        value(prefix + name, field.getValue(), known.get(name));
      } else if (!known.has(name)
          && !unchecked.contains(name)
          && !schema.path("x-kubernetes-preserve-unknown-fields").asBoolean()) {
        error(prefix + name, "unknown field" + suggestion(name, known));
      }
    }
    for (JsonNode required : schema.path("required")) {
      if (value.path(required.asText()).isMissingNode() || value.path(required.asText()).isNull()) {
        error(prefix + required.asText(), "is required");
      }
    }
  }

  private static String suggestion(String name, JsonNode known) {
    List<String> names = new ArrayList<>();
    known.fieldNames().forEachRemaining(names::add);
    String singular = name.endsWith("s") ? name.substring(0, name.length() - 1) : name;
    return names.stream()
        .filter(n -> n.equalsIgnoreCase(name) || n.equals(singular) || n.equals(name + "s"))
        .findFirst()
        .map(n -> "; did you mean %s?".formatted(n))
        .orElse("");
  }

  private void array(String path, JsonNode value, JsonNode schema) {
    bounds(path, value.size(), schema, "maxItems", "minItems", "items");
    Set<List<JsonNode>> keys = new HashSet<>();
    for (int i = 0; i < value.size(); i++) {
      String itemPath = path + "[" + i + "]";
      JsonNode item = value.get(i);
      if (item.isNull()) {
        error(itemPath, "must not be null");
      }
      value(itemPath, item, schema.path("items"));
      List<JsonNode> key = key(item, schema);
      if (!key.isEmpty() && !keys.add(key)) {
        String text = String.join(", ", key.stream().map(JsonNode::asText).toList());
        error(itemPath, "occurs twice: " + text);
      }
    }
  }

  /** What must be unique in the list; empty if nothing. */
  private static List<JsonNode> key(JsonNode item, JsonNode schema) {
    return switch (schema.path("x-kubernetes-list-type").asText()) {
      case "set" -> List.of(item);
      case "map" -> {
        List<JsonNode> key = new ArrayList<>();
        schema
            .path("x-kubernetes-list-map-keys")
            .forEach(name -> key.add(item.path(name.asText())));
        yield key.stream().anyMatch(JsonNode::isMissingNode) ? List.of() : key;
      }
      default -> List.of();
    };
  }

  private void string(String path, String text, JsonNode schema) {
    bounds(
        path,
        text.codePointCount(0, text.length()),
        schema,
        "maxLength",
        "minLength",
        "characters");
    JsonNode allowed = schema.path("enum");
    if (allowed.isArray()) {
      List<String> values = new ArrayList<>();
      allowed.forEach(v -> values.add(v.asText()));
      if (!values.contains(text)) {
        error(path, "\"%s\" is none of %s".formatted(text, String.join(", ", values)));
      }
    }
    String pattern = schema.path("pattern").asText();
    if (!pattern.isEmpty() && !found(pattern, text)) {
      error(path, "\"%s\" does not match %s".formatted(text, pattern));
    }
    if (schema.path("format").asText().equals("date-time") && !isTime(text)) {
      error(path, "\"%s\" is no RFC 3339 time such as 2026-01-01T00:00:00Z".formatted(text));
    }
  }

  private static boolean isTime(String text) {
    try {
      OffsetDateTime.parse(text);
      return true;
    } catch (DateTimeException e) {
      return false;
    }
  }

  private void number(String path, JsonNode value, JsonNode schema) {
    JsonNode min = schema.path("minimum");
    JsonNode max = schema.path("maximum");
    if (min.isNumber() && value.asDouble() < min.asDouble()) {
      error(path, "%s is less than %s".formatted(value.asText(), min.asText()));
    }
    if (max.isNumber() && value.asDouble() > max.asDouble()) {
      error(path, "%s is more than %s".formatted(value.asText(), max.asText()));
    }
  }

  private void bounds(
      String path, int size, JsonNode schema, String most, String least, String what) {
    JsonNode max = schema.path(most);
    JsonNode min = schema.path(least);
    if (max.isIntegralNumber() && size > max.asInt()) {
      error(path, "has %d %s; at most %d are allowed".formatted(size, what, max.asInt()));
    }
    if (min.isIntegralNumber() && size < min.asInt()) {
      error(path, "has %d %s; at least %d are required".formatted(size, what, min.asInt()));
    }
  }

  private void rules(String path, JsonNode value, JsonNode schema) {
    for (JsonNode rule : schema.path("x-kubernetes-validations")) {
      Matcher matcher = MATCHES.matcher(rule.path("rule").asText());
      if (!matcher.matches()) {
        continue;
      }
      // RE2 has classes of POSIX, Java does not
      String regex = matcher.group(2).replace("[:space:]", "\\s");
      String message = rule.path("message").asText();
      if (value.isTextual() && !found(regex, value.asText())) {
        error(path, message);
      }
      for (int i = 0; value.isArray() && i < value.size(); i++) {
        if (!found(regex, value.get(i).asText())) {
          error(path + "[" + i + "]", message);
        }
      }
    }
  }

  private static boolean found(String regex, String text) {
    return Pattern.compile(regex).matcher(text).find();
  }
}
