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
 * What the runner wrote as the termination message of its container. The contract is {@code
 * luigi-image/termination.schema.json}. A runner that is killed leaves a message that is not final.
 */
record TerminationMessage(JsonNode json) {

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int VERSION = 1;
  private static final int NAMES_SHOWN = 3;

  /** Empty if the text is no complete message of a runner. */
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
      return Optional.empty(); // the pod may have been killed while the runner wrote
    }
  }

  /** The verdict, if this is the final message of the attempt and matches the exit code. */
  Optional<Verdict> verdict(int exitCode, String token) {
    return Arrays.stream(Verdict.values())
        .filter(v -> v.exitCode() == exitCode && confirms(v, token))
        .findFirst();
  }

  /** A runner that could not read its input knows no token; only INVALID_SPEC may lack it. */
  private boolean confirms(Verdict verdict, String token) {
    String messageToken = json.path("tok").asText();
    return json.path("final").asBoolean()
        && json.path("verdict").asText().equals(verdict.reason())
        && json.path("exit").asInt(-1) == verdict.exitCode()
        && switch (verdict) {
          case RANGE_CUT -> json.path("retry").asBoolean();
          case UNVERIFIED -> !json.path("retry").asBoolean();
          default -> true;
        }
        && (messageToken.equals(token)
            || messageToken.isEmpty() && verdict == Verdict.INVALID_SPEC);
  }

  /** A summary for people. */
  String summary(Verdict verdict) {
    return switch (verdict) {
      case SUCCEEDED ->
          "%s ran, %d were complete before"
              .formatted(tasks(json.at("/n/ran").asInt()), json.at("/n/complete").asInt());
      case DRAINED -> "stopped on request" + during();
      case DEADLINE -> "did not finish within its deadline" + during();
      case MISSING_DATA,
          TASK_FAILED,
          TASK_FAILED_PERMANENT,
          SCHEDULING_ERROR,
          SCHEDULING_CODE_ERROR,
          INTERNAL_ERROR,
          UNVERIFIED,
          RANGE_CUT,
          INVALID_SPEC ->
          failure().or(this::missing).orElseGet(() -> "the runner gave no reason" + during());
    };
  }

  /** What the attempt was doing when the message was written, to be appended to a summary. */
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
    StringBuilder summary = new StringBuilder();
    if (!fail.path("task").asText().isEmpty()) {
      summary.append(fail.path("task").asText()).append(" failed: ");
    }
    String exception = fail.path("exc").asText();
    if (!exception.isEmpty()) {
      summary.append(exception.substring(exception.lastIndexOf('.') + 1)).append(": ");
    }
    summary.append(fail.path("msg").asText());
    if (!fail.path("where").asText().isEmpty()) {
      summary.append(" (").append(fail.path("where").asText()).append(')');
    }
    int failed = json.at("/n/failed").asInt();
    if (failed > 1) {
      summary.append("; ").append(tasks(failed)).append(" failed in total");
    }
    return Optional.of(summary.toString());
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
