/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import static java.util.Map.entry;

import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Generates objects that a user could create to disturb the operator, as JSON text. A seed always
 * gives the same objects. The API server refuses some of them.
 */
final class HostileObjects {

  private static final List<String> TEXTS =
      List.of(
          "",
          " ",
          "null",
          "\\u0000",
          "\\ud83d\\ude00",
          "\\ud800",
          "\\u202e\\u200b",
          "-1",
          "9223372036854775808",
          "1e400",
          "NaN",
          "2026-13-45T99:99:99Z",
          "2026-01-01T00:00:00+99:00",
          "0000-01-01T00:00:00Z",
          "{\\\"verdict\\\":\\\"SUCCEEDED\\\"}",
          "${jndi:ldap://localhost}",
          "%s%n%d",
          "../../etc",
          "'; DROP TABLE run; --");

  private static final List<String> NUMBERS =
      List.of(
          "0",
          "-0.0",
          "1e308",
          "5e-324",
          "9223372036854775807",
          "-9223372036854775808",
          "2147483648",
          "0.1");

  /** Fields of podTemplate.spec whose values have no schema. */
  private static final List<String> OPEN_FIELDS =
      List.of("affinity", "dnsConfig", "securityContext", "resources", "os");

  private final Random random;

  HostileObjects(long seed) {
    random = new Random(seed);
  }

  private String pick(List<String> all) {
    return all.get(random.nextInt(all.size()));
  }

  private String text() {
    return switch (random.nextInt(100)) {
      case 0 -> "\"" + "x".repeat(1 + random.nextInt(100_000)) + "\"";
      case 1 -> "\"" + "{\\\"a\\\":".repeat(5_000) + "\"";
      default -> "\"" + pick(TEXTS) + "\"";
    };
  }

  private String key() {
    return switch (random.nextInt(40)) {
      case 0 -> "\"" + "k".repeat(1 + random.nextInt(70_000)) + "\"";
      case 1 -> "\"kind\"";
      case 2 -> "\"apiVersion\"";
      case 3 -> "\"additionalProperties\"";
      default -> text();
    };
  }

  /** Any value; an object or list has at most a few elements. */
  private String value(int depth) {
    return switch (depth == 0 ? random.nextInt(4) : random.nextInt(8)) {
      case 0 -> "null";
      case 1 -> random.nextBoolean() ? "true" : "false";
      case 2 -> pick(NUMBERS);
      case 3 -> text();
      case 4 -> deep();
      case 5 ->
          IntStream.range(0, random.nextInt(4))
              .mapToObj(i -> value(depth - 1))
              .collect(Collectors.joining(",", "[", "]"));
      default -> object(depth - 1);
    };
  }

  private String object(int depth) {
    return IntStream.range(0, 1 + random.nextInt(4))
        .mapToObj(i -> key() + ":" + value(depth))
        .distinct()
        .collect(Collectors.joining(",", "{", "}"));
  }

  private String deep() {
    int levels = 1 + random.nextInt(random.nextInt(20) == 0 ? 9_000 : 200);
    return random.nextBoolean()
        ? "{\"a\":".repeat(levels) + "1" + "}".repeat(levels)
        : "[".repeat(levels) + "]".repeat(levels);
  }

  private String strings(String... keys) {
    return List.of(keys).stream()
        .filter(k -> random.nextBoolean())
        .map(k -> "\"" + k + "\":" + text())
        .collect(Collectors.joining(",", "{", "}"));
  }

  private String pipeline() {
    String field = pick(OPEN_FIELDS);
    return """
        {"image":"i","task":{"module":"m","family":"F"},
         "podTemplate":{"metadata":{"annotations":{%s:%s}},"spec":{"%s":%s}}}
        """
        .formatted(key(), text(), field, random.nextBoolean() ? object(3) : deep());
  }

  private static String object(
      String apiVersion, String kind, String name, Map<String, String> fields) {
    return fields.entrySet().stream()
        .map(f -> ",\"" + f.getKey() + "\":" + f.getValue())
        .collect(
            Collectors.joining(
                "", "{\"apiVersion\":\"" + apiVersion + "\",\"kind\":\"" + kind + "\"", "}"))
        .replace("NAME", name);
  }

  private String metadata(String... annotations) {
    return """
        {"name":"NAME","annotations":%s,
         "labels":{"app.kubernetes.io/managed-by":"luigi-operator","luigi-operator.io/run":"NAME"}}
        """
        .formatted(strings(annotations));
  }

  private String run(String name, String status) {
    return object(
        "luigi-operator.io/v1beta1",
        "PipelineRun",
        name,
        Map.ofEntries(
            entry("metadata", metadata("note")),
            entry("status", status),
            entry(
                "spec",
                "{\"client\":\"a\",\"date\":\"2026-01-01\",\"pipeline\":%s}"
                    .formatted(pipeline()))));
  }

  String run(String name) {
    return run(name, runStatus());
  }

  String runStatus() {
    return """
        {"observedGeneration":%s,"phase":"Succeeded","reason":%s,"message":%s,
         "startTime":%s,"completionTime":%s,"attemptSummary":%s,
         "conditions":[{"type":"Finished","status":"True","reason":"A","message":%s,
           "lastTransitionTime":%s}],
         "attempts":[{"number":%s,"job":%s,"startTime":%s}]}
        """
        .formatted(
            pick(NUMBERS),
            text(),
            text(),
            text(),
            text(),
            text(),
            text(),
            text(),
            pick(NUMBERS),
            text(),
            text());
  }

  String schedule(String name) {
    return object(
        "luigi-operator.io/v1beta1",
        "PipelineSchedule",
        name,
        Map.of(
            "metadata", metadata("note"),
            "spec", "{\"clients\":[{\"id\":\"a\"}],\"pipeline\":%s}".formatted(pipeline())));
  }

  private static final String[] ANNOTATIONS = {
    "luigi-operator.io/attempt",
    "luigi-operator.io/kind",
    "luigi-operator.io/admit-key",
    "luigi-operator.io/fence",
    "luigi-operator.io/token",
    "luigi-operator.io/cluster",
    "luigi-operator.io/run-spec"
  };

  private String podSpec() {
    return """
        {"restartPolicy":"Never","schedulingGates":%s,
         "containers":[{"name":"luigi","image":%s,"env":[{"name":"A","value":%s}],
           "resources":{"requests":{"cpu":"%s"}}}]}
        """
        .formatted(
            random.nextBoolean() ? "[]" : "[{\"name\":\"luigi-operator.io/launch\"}]",
            text(),
            text(),
            pick(List.of("1", "1e3", "0.1", "5m", "1Ei")));
  }

  String job(String name) {
    return object(
        "batch/v1",
        "Job",
        name,
        Map.of(
            "metadata", metadata(ANNOTATIONS),
            "spec", "{\"suspend\":true,\"template\":{\"spec\":%s}}".formatted(podSpec())));
  }

  String pod(String name) {
    return object("v1", "Pod", name, Map.of("metadata", metadata(ANNOTATIONS), "spec", podSpec()));
  }

  String podStatus() {
    return """
        {"phase":"%s","reason":%s,"message":%s,
         "conditions":[{"type":"PodScheduled","status":"False","reason":%s,"message":%s}],
         "containerStatuses":[{"name":"luigi","image":"","imageID":"","ready":false,
           "restartCount":%s,"state":{"terminated":{"exitCode":%s,"reason":%s,"message":%s}}}]}
        """
        .formatted(
            pick(List.of("Failed", "Succeeded", "Running", "Unknown", "Later")),
            text(),
            text(),
            text(),
            text(),
            random.nextInt(),
            random.nextInt(),
            text(),
            text());
  }
}
