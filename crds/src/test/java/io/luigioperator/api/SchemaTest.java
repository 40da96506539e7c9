/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import io.fabric8.kubernetes.client.utils.KubernetesSerialization;
import io.luigioperator.api.SchemaTree.Property;
import java.io.IOException;
import java.nio.file.Files;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class SchemaTest {
  /** As JSON. Client-side apply stores it in an annotation, which may have 262,144 bytes. */
  private static final int MAX_DEFINITION_BYTES = 100_000;

  static List<SchemaTree> trees() throws IOException {
    return SchemaTree.all();
  }

  @Test
  void theCommittedFilesMatchTheTypes() throws IOException {
    for (var file : CrdWriter.render().entrySet()) {
      assertThat(SchemaTree.DIRECTORY.resolve(file.getKey()))
          .as("out of date; run: " + CrdWriter.COMMAND)
          .content()
          .isEqualTo(file.getValue());
    }
  }

  @Test
  void theDirectoryHasNoOtherFilesThatKubectlWouldApply() throws IOException {
    try (Stream<String> names =
        Files.list(SchemaTree.DIRECTORY.toAbsolutePath()).map(p -> p.getFileName().toString())) {
      assertThat(names.filter(name -> name.matches(".*\\.(yaml|yml|json)")))
          .containsExactlyInAnyOrderElementsOf(SchemaTree.FILES);
    }
  }

  @Test
  void everyDefinitionIsSmall() throws IOException {
    for (var file : SchemaTree.FILES) {
      JsonNode definition = new YAMLMapper().readTree(SchemaTree.DIRECTORY.resolve(file).toFile());
      assertThat(definition.toString().getBytes(UTF_8).length).isLessThan(MAX_DEFINITION_BYTES);
    }
  }

  @ParameterizedTest
  @MethodSource("trees")
  void everyPropertyHasADescription(SchemaTree tree) {
    assertThat(tree.root().path("description").asText()).isNotBlank();
    assertThat(without(tree, Property::isNamed, "description")).isEmpty();
  }

  @ParameterizedTest
  @MethodSource("trees")
  void everyStringHasAMaximumLength(SchemaTree tree) {
    assertThat(without(tree, p -> isType(p, "string") && !p.schema().has("enum"), "maxLength"))
        .isEmpty();
    assertThat(without(tree, p -> p.schema().has("x-kubernetes-int-or-string"), "maxLength"))
        .isEmpty();
  }

  @ParameterizedTest
  @MethodSource("trees")
  void everyListHasAMaximumSizeAndAListType(SchemaTree tree) {
    assertThat(without(tree, p -> isType(p, "array"), "maxItems")).isEmpty();
    assertThat(without(tree, p -> isType(p, "array"), "x-kubernetes-list-type")).isEmpty();
  }

  @ParameterizedTest
  @MethodSource("trees")
  void everyMapHasAMaximumSize(SchemaTree tree) {
    Predicate<Property> closedMap =
        p ->
            p.schema().path("additionalProperties").isObject()
                && !isOpen(p.schema().get("additionalProperties"));
    assertThat(without(tree, closedMap, "maxProperties")).isEmpty();
  }

  @ParameterizedTest
  @MethodSource("trees")
  void everyNumberHasAFormat(SchemaTree tree) {
    assertThat(without(tree, p -> isType(p, "integer"), "format")).isEmpty();
  }

  /**
   * Equality in CEL ignores a renamed field of an open object, and the rules for immutable fields
   * rely on equality. A list that a rule always refuses may be open, so that the user sees the
   * message of the rule.
   */
  @ParameterizedTest
  @MethodSource("trees")
  void noObjectOfTheSpecIsOpen(SchemaTree tree) {
    assertThat(tree.properties())
        .filteredOn(p -> p.path().startsWith("spec") && isType(p, "object"))
        .filteredOn(p -> isOpen(p.schema()))
        .extracting(Property::path)
        .containsExactly("spec.pipeline.podTemplate.spec.schedulingGates[]");
  }

  /** The types also apply the defaults, for specs that do not come from an API server. */
  @ParameterizedTest
  @MethodSource("trees")
  void theTypesHaveTheDefaultsOfTheSchema(SchemaTree tree) throws IOException {
    var json = new KubernetesSerialization();
    boolean run = tree.kind().equals("PipelineRun");
    JsonNode minimal =
        new ObjectMapper()
            .readTree(
                """
                {%s "pipeline": {"image": "i", "task": {"module": "m", "family": "F"}}}"""
                    .formatted(run ? "\"client\": \"acme\"," : ""));
    Class<? extends Record> type = run ? PipelineRunSpec.class : PipelineScheduleSpec.class;
    Object spec = json.convertValue(minimal, type);

    JsonNode written = new ObjectMapper().readTree(json.asJson(spec));

    JsonNode expected = minimal.deepCopy();
    applyDefaults(tree.root().at("/properties/spec"), expected);
    assertThat(written).isEqualTo(expected);
  }

  private static void applyDefaults(JsonNode schema, JsonNode value) {
    schema
        .path("properties")
        .properties()
        .forEach(
            entry -> {
              String name = entry.getKey();
              if (!value.has(name) && entry.getValue().has("default")) {
                ((ObjectNode) value).set(name, entry.getValue().get("default").deepCopy());
              }
              if (value.path(name).isObject()) {
                applyDefaults(entry.getValue(), value.get(name));
              }
            });
  }

  private static List<Property> without(
      SchemaTree tree, Predicate<Property> which, String keyword) {
    return tree.properties().stream()
        .filter(which)
        .filter(p -> p.schema().path(keyword).asText().isBlank())
        .toList();
  }

  private static boolean isType(Property property, String type) {
    return property.schema().path("type").asText().equals(type);
  }

  private static boolean isOpen(JsonNode schema) {
    return schema.path("x-kubernetes-preserve-unknown-fields").asBoolean();
  }
}
