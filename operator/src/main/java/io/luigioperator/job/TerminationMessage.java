/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.luigioperator.run.Verdict;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * What a runner left behind as the termination message of its container. The contract is {@code
 * luigi-image/termination.schema.json}; a message that is not final is what a killed one leaves.
 */
record TerminationMessage(JsonNode json) {

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int VERSION = 1;
  private static final int NAMES_SHOWN = 3;

  /** Empty when it is not a runner's: none at all, cut off in the middle, another program's. */
  static Optional<TerminationMessage> parse(String text) {
    if (!text.startsWith("{")) {
      return Optional.empty();
    }
    try {
      JsonNode json = JSON.readTree(text);
      return json.path("v").asInt() == VERSION && json.path("final").isBoolean()
          ? Optional.of(new TerminationMessage(json))
          : Optional.empty();
    } catch (JsonProcessingException e) {
      return Optional.empty(); // a pod may die while its runner writes
    }
  }

  /** The verdict, if this is the last word of the attempt with this token about this exit code. */
  Optional<Verdict> verdict(int exitCode, String token) {
    return Arrays.stream(Verdict.values())
        .filter(v -> v.exitCode() == exitCode && confirms(v, token))
        .findFirst();
  }

  /** A runner that could not read its input knows no token, and that is all it may say then. */
  private boolean confirms(Verdict verdict, String token) {
    String told = json.path("tok").asText();
    return json.path("final").asBoolean()
        && json.path("verdict").asText().equals(verdict.reason())
        && json.path("exit").asInt(-1) == verdict.exitCode()
        && switch (verdict) {
          case RANGE_CUT -> json.path("retry").asBoolean();
          case UNVERIFIED -> !json.path("retry").asBoolean();
          default -> true;
        }
        && (told.equals(token) || told.isEmpty() && verdict == Verdict.INVALID_SPEC);
  }

  /** In a sentence, for people. */
  String sentence(Verdict verdict) {
    return switch (verdict) {
      case SUCCEEDED ->
          "%s ran, %s before"
              .formatted(
                  tasks(json.at("/n/ran").asInt()), json.at("/n/complete").asInt() + " complete");
      case DRAINED -> "stopped on request" + during();
      case DEADLINE -> "not ended within its deadline" + during();
      case MISSING_DATA,
          TASK_FAILED,
          TASK_FAILED_PERMANENT,
          SCHEDULING_ERROR,
          SCHEDULING_CODE_ERROR,
          INTERNAL_ERROR,
          UNVERIFIED,
          RANGE_CUT,
          INVALID_SPEC ->
          failure().or(this::missing).orElseGet(() -> "the runner gives no reason" + during());
    };
  }

  /** What the attempt was at when the message was written, to be put after a sentence. */
  String during() {
    List<String> running = names("running");
    if (!running.isEmpty()) {
      return ", while running " + listed(running);
    }
    return ", in phase " + json.path("phase").asText("unknown");
  }

  private Optional<String> failure() {
    JsonNode fail = json.path("fail");
    if (!fail.isObject()) {
      return Optional.empty();
    }
    StringBuilder words = new StringBuilder();
    if (!fail.path("task").asText().isEmpty()) {
      words.append(fail.path("task").asText()).append(" failed: ");
    }
    String exception = fail.path("exc").asText();
    if (!exception.isEmpty()) {
      words.append(exception.substring(exception.lastIndexOf('.') + 1)).append(": ");
    }
    words.append(fail.path("msg").asText());
    if (!fail.path("where").asText().isEmpty()) {
      words.append(" (").append(fail.path("where").asText()).append(')');
    }
    int failed = json.at("/n/failed").asInt();
    if (failed > 1) {
      words.append("; ").append(tasks(failed)).append(" failed in all");
    }
    return Optional.of(words.toString());
  }

  private Optional<String> missing() {
    List<String> missing = names("missing");
    return missing.isEmpty() ? Optional.empty() : Optional.of("no data for " + listed(missing));
  }

  private List<String> names(String field) {
    List<String> names = new ArrayList<>();
    json.path(field).forEach(n -> names.add(n.asText()));
    return names;
  }

  private static String listed(List<String> names) {
    String shown = String.join(", ", names.subList(0, Math.min(NAMES_SHOWN, names.size())));
    int more = names.size() - NAMES_SHOWN;
    return more > 0 ? shown + " and " + more + " more" : shown;
  }

  private static String tasks(int count) {
    return count == 1 ? "1 task" : count + " tasks";
  }
}
