/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The runner accepts what the API server accepts: a field that the operator passes on unchanged has
 * the same bounds in both schemas. Otherwise a run could be accepted and end with InvalidSpec.
 */
class RunSpecFileTest {

  /** Fields of the input of the runner, and the fields of a resource from which they are taken. */
  private static final Map<String, List<String>> SOURCES =
      Map.ofEntries(
          Map.entry("run.client", List.of("client", "clients[].id")),
          Map.entry("run.date", List.of("date")),
          Map.entry("task.module", List.of("pipeline.task.module")),
          Map.entry("task.family", List.of("pipeline.task.family")),
          Map.entry(
              "task.params{}",
              List.of(
                  "pipeline.parameters[].value",
                  "parameters[].value",
                  "clients[].parameters[].value")),
          Map.entry("rerun.mode", List.of("rerun.mode")),
          Map.entry("workers", List.of("pipeline.workers")),
          Map.entry("timeouts.taskSeconds", List.of("pipeline.timeouts.taskSeconds")),
          Map.entry("timeouts.graceSeconds", List.of("pipeline.timeouts.graceSeconds")),
          Map.entry(
              "timeouts.deadlineSeconds",
              List.of("pipeline.timeouts.activeSeconds", "activeDeadlineSeconds")),
          Map.entry("retry.nonRetryableErrors", List.of("pipeline.retry.nonRetryableErrors")),
          Map.entry("retry.nonRetryableErrors[]", List.of("pipeline.retry.nonRetryableErrors[]")),
          Map.entry("verify", List.of("pipeline.verify")),
          Map.entry("redact", List.of("pipeline.env")),
          Map.entry("redact[]", List.of("pipeline.env[].name")));

  /** Fields that the operator sets itself, or takes from metadata. */
  private static final Set<String> SET_BY_OPERATOR =
      Set.of(
          "schemaVersion",
          "run.namespace",
          "run.name",
          "run.uid",
          "run.attempt",
          "run.token",
          "run.fence",
          "kind",
          "task.params",
          "report.budgetBytes",
          "redactFiles",
          "redactFiles[]");

  private static final Set<String> UPPER = Set.of("maxLength", "maxItems", "maximum");
  private static final Set<String> LOWER = Set.of("minLength", "minItems", "minimum");

  private static final Path FOLDERS = Path.of("..");

  @Test
  void everyFieldOfTheInputIsListed() throws IOException {
    List<String> all = new ArrayList<>(SOURCES.keySet());
    all.addAll(SET_BY_OPERATOR);

    assertThat(fields(runner()).keySet()).containsExactlyInAnyOrderElementsOf(all);
  }

  @ParameterizedTest
  @ValueSource(strings = {"pipelineruns", "pipelineschedules"})
  void bothHaveTheSameBounds(String resource) throws IOException {
    Map<String, JsonNode> input = fields(runner());
    Map<String, JsonNode> fields = fields(resource(resource));
    List<String> compared = new ArrayList<>();

    SOURCES.forEach(
        (of, from) ->
            from.stream()
                .filter(fields::containsKey)
                .forEach(
                    field -> {
                      compare(of, input.get(of), fields.get(field));
                      compared.add(field);
                    }));

    assertThat(compared).as("at least the fields of a pipeline").hasSizeGreaterThanOrEqualTo(11);
  }

  @Test
  void everyListedFieldExists() throws IOException {
    List<String> known = new ArrayList<>(fields(resource("pipelineruns")).keySet());
    known.addAll(fields(resource("pipelineschedules")).keySet());

    assertThat(known).containsAll(SOURCES.values().stream().flatMap(List::stream).toList());
  }

  @Test
  void theRunnerAcceptsTheParametersOfAllLayers() throws IOException {
    Map<String, JsonNode> run = fields(resource("pipelineruns"));
    Map<String, JsonNode> schedule = fields(resource("pipelineschedules"));
    int max =
        Stream.of(
                    schedule.get("pipeline.parameters"),
                    schedule.get("clients[].parameters"),
                    run.get("parameters"))
                .mapToInt(list -> list.get("maxItems").asInt())
                .sum()
            + 2; // date and client

    assertThat(fields(runner()).get("task.params").get("maxProperties").asInt())
        .isGreaterThanOrEqualTo(max);
  }

  private static void compare(String name, JsonNode runner, JsonNode resource) {
    assertThat(names(runner.path("enum"))).as(name).isEqualTo(names(resource.path("enum")));
    for (String bound : UPPER) {
      assertThat(runner.path(bound)).as("%s of %s", bound, name).isEqualTo(resource.path(bound));
    }
    for (String bound : LOWER) {
      assertThat(runner.path(bound).asInt())
          .as("%s of %s", bound, name)
          .isLessThanOrEqualTo(resource.path(bound).asInt());
    }
  }

  private static List<String> names(JsonNode values) {
    List<String> names = new ArrayList<>();
    values.forEach(value -> names.add(value.asText()));
    return names.stream().sorted().toList();
  }

  /** Everything but objects with fields of their own, by its path. */
  private static Map<String, JsonNode> fields(JsonNode schema) {
    Map<String, JsonNode> found = new TreeMap<>();
    collect(schema, "", found);
    return found;
  }

  private static void collect(JsonNode schema, String path, Map<String, JsonNode> found) {
    if (!schema.has("properties")) {
      found.put(path, schema);
    }
    String prefix = path.isEmpty() ? "" : path + ".";
    schema
        .path("properties")
        .properties()
        .forEach(p -> collect(p.getValue(), prefix + p.getKey(), found));
    if (schema.has("items")) {
      collect(schema.get("items"), path + "[]", found);
    }
    if (schema.path("additionalProperties").isObject()) {
      collect(schema.get("additionalProperties"), path + "{}", found);
    }
  }

  private static JsonNode runner() throws IOException {
    return new ObjectMapper().readTree(FOLDERS.resolve("luigi-image/spec.schema.json").toFile());
  }

  private static JsonNode resource(String name) throws IOException {
    Path file = FOLDERS.resolve("crds/%s.luigi-operator.io.yaml".formatted(name));
    return new YAMLMapper()
        .readTree(file.toFile())
        .at("/spec/versions/0/schema/openAPIV3Schema/properties/spec");
  }
}
