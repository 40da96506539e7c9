/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

import com.fasterxml.jackson.databind.JsonNode;
import io.luigioperator.run.Verdict;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * What the runner wrote as the termination message of its container. The contract is {@code
 * luigi-image/termination.schema.json}. A runner that is killed leaves a message that is not final.
 *
 * <p>The kubelet may have cut the message. The fields that prove a verdict come first, so that they
 * survive in the first 300 bytes.
 */
record TerminationMessage(JsonPrefix text) {

  private static final int VERSION = 1;
  private static final int NAMES_SHOWN = 3;

  private static final String CUT_OFF =
      "; the kubelet cut the message of the runner, because the pod has many containers";

  /** The fields that prove a verdict. */
  private static final List<String> ESSENTIAL = List.of("v", "final", "verdict", "exit", "tok");

  /** Empty if the text is no message of a runner, or of a runner with another contract. */
  static Optional<TerminationMessage> parse(String text) {
    return JsonPrefix.of(text)
        .filter(p -> p.object().path("v").asInt() == VERSION)
        .filter(p -> p.object().path("final").isBoolean())
        .map(TerminationMessage::new);
  }

  /**
   * The verdict, if this is the final message of the attempt and matches the exit code. If one of
   * its essential fields was cut off and no other one contradicts, the exit code decides.
   */
  Optional<Verdict> verdict(int exitCode, String token) {
    Optional<Verdict> proved =
        Arrays.stream(Verdict.values())
            .filter(v -> v.exitCode() == exitCode && confirms(v, token))
            .findFirst();
    return proved.isPresent() ? proved : concluded(exitCode, token);
  }

  private Optional<Verdict> concluded(int exitCode, String token) {
    boolean cut = !text.complete() && ESSENTIAL.stream().anyMatch(f -> !json().has(f));
    return cut && json().path("final").asBoolean()
        ? fromExitCode(exitCode)
            .filter(
                v -> !json().has("verdict") || json().path("verdict").asText().equals(v.reason()))
            .filter(v -> !json().has("exit") || json().path("exit").asInt(-1) == exitCode)
            .filter(v -> !json().has("tok") || json().path("tok").asText().equals(token))
        : Optional.empty();
  }

  /**
   * The verdict of a container whose message is not readable. The runner chooses its exit code, so
   * that a failure needs no further proof. A success does: other programs, too, end with 0.
   *
   * @param text the message of the container
   */
  static Optional<Verdict> ofUnreadable(String text, int exitCode) {
    boolean otherContract =
        JsonPrefix.of(text).filter(p -> p.object().path("v").asInt(VERSION) != VERSION).isPresent();
    return otherContract ? Optional.empty() : fromExitCode(exitCode);
  }

  private static Optional<Verdict> fromExitCode(int exitCode) {
    return Arrays.stream(Verdict.values())
        .filter(v -> v != Verdict.SUCCEEDED && v.exitCode() == exitCode)
        .findFirst();
  }

  /** A runner that could not read its input knows no token; only INVALID_SPEC may lack it. */
  private boolean confirms(Verdict verdict, String token) {
    String messageToken = json().path("tok").asText();
    return json().path("final").asBoolean()
        && json().path("verdict").asText().equals(verdict.reason())
        && json().path("exit").asInt(-1) == verdict.exitCode()
        && switch (verdict) {
          case RANGE_CUT -> json().path("retry").asBoolean();
          case UNVERIFIED -> !json().path("retry").asBoolean();
          default -> true;
        }
        && (messageToken.equals(token)
            || messageToken.isEmpty() && json().has("tok") && verdict == Verdict.INVALID_SPEC);
  }

  private JsonNode json() {
    return text.object();
  }

  /** The message as JSON, without what was cut off. */
  String asJson(String original) {
    return text.complete() ? original : json().toString();
  }

  /** A summary for people. */
  String summary(Verdict verdict) {
    return switch (verdict) {
      case SUCCEEDED ->
          json().at("/n/ran").isInt()
              ? "%s ran, %d were complete before"
                  .formatted(tasks(json().at("/n/ran").asInt()), json().at("/n/complete").asInt())
              : "the root task is complete" + CUT_OFF;
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
          failure().or(this::missing).orElseGet(this::noReason);
    };
  }

  private String noReason() {
    return text.complete()
        ? "the runner gave no reason" + during()
        : "the reason is not known" + CUT_OFF;
  }

  /** What the attempt was doing when the message was written, to be appended to a summary. */
  String during() {
    List<String> running = names("running");
    if (!running.isEmpty()) {
      return ", while running " + listed(running);
    }
    return json().has("phase") ? ", in phase " + json().path("phase").asText() : "";
  }

  private Optional<String> failure() {
    JsonNode fail = json().path("fail");
    if (!fail.isObject() || fail.isEmpty()) {
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
    summary.append(fail.path("msg").asText(text.complete() ? "" : "unknown" + CUT_OFF));
    if (!fail.path("where").asText().isEmpty()) {
      summary.append(" (").append(fail.path("where").asText()).append(')');
    }
    int failed = json().at("/n/failed").asInt();
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
    json().path(field).forEach(n -> names.add(n.asText()));
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
