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
 * What the API server accepts the runner accepts too: where a field of a resource goes to the
 * runner as it is, both have the same bounds. A run would be accepted else and end with
 * InvalidSpec.
 */
class RunSpecFileTest {

  /** Field of the runner's input, fields of a resource that it comes from. */
  private static final Map<String, List<String>> MEETING =
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

  /** What the operator makes itself, or takes from metadata. */
  private static final Set<String> OPERATORS_OWN =
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
          "report.budgetBytes");

  private static final Set<String> UPPER = Set.of("maxLength", "maxItems", "maximum");
  private static final Set<String> LOWER = Set.of("minLength", "minItems", "minimum");

  private static final Path FOLDERS = Path.of("..");

  @Test
  void everyFieldOfTheInputIsAccountedFor() throws IOException {
    List<String> all = new ArrayList<>(MEETING.keySet());
    all.addAll(OPERATORS_OWN);

    assertThat(fields(runner()).keySet()).containsExactlyInAnyOrderElementsOf(all);
  }

  @ParameterizedTest
  @ValueSource(strings = {"pipelineruns", "pipelineschedules"})
  void bothHaveTheSameBounds(String resource) throws IOException {
    Map<String, JsonNode> input = fields(runner());
    Map<String, JsonNode> fields = fields(resource(resource));
    List<String> compared = new ArrayList<>();

    MEETING.forEach(
        (of, from) ->
            from.stream()
                .filter(fields::containsKey)
                .forEach(
                    field -> {
                      compare(of, input.get(of), fields.get(field));
                      compared.add(field);
                    }));

    assertThat(compared).as("fields of a pipeline alone").hasSizeGreaterThanOrEqualTo(11);
  }

  @Test
  void everyFieldThatIsNamedHereExists() throws IOException {
    List<String> known = new ArrayList<>(fields(resource("pipelineruns")).keySet());
    known.addAll(fields(resource("pipelineschedules")).keySet());

    assertThat(known).containsAll(MEETING.values().stream().flatMap(List::stream).toList());
  }

  @Test
  void theRunnerTakesAllParametersThatLayersCanGive() throws IOException {
    Map<String, JsonNode> run = fields(resource("pipelineruns"));
    Map<String, JsonNode> schedule = fields(resource("pipelineschedules"));
    int most =
        Stream.of(
                    schedule.get("pipeline.parameters"),
                    schedule.get("clients[].parameters"),
                    run.get("parameters"))
                .mapToInt(list -> list.get("maxItems").asInt())
                .sum()
            + 2; // date and client

    assertThat(fields(runner()).get("task.params").get("maxProperties").asInt())
        .isGreaterThanOrEqualTo(most);
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
