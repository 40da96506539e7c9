/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.luigioperator.api.LuigiStatus;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** The counts of tasks in a termination message of the runner. */
final class TaskCounts {

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int MAX_NAMES = 10;
  private static final int MAX_NAME = 255;

  private TaskCounts() {}

  /** Empty if there was no message, or an incomplete one. */
  static Optional<LuigiStatus> of(String terminationMessage) {
    if (terminationMessage.isEmpty()) {
      return Optional.empty();
    }
    JsonNode message;
    try {
      message = JSON.readTree(terminationMessage);
    } catch (JsonProcessingException e) {
      return Optional.empty(); // the pod was killed while its runner wrote
    }
    JsonNode n = message.path("n");
    if (!n.path("total").isInt()) {
      return Optional.empty();
    }
    int done = n.path("complete").asInt() + n.path("ran").asInt();
    List<String> failed = new ArrayList<>();
    for (JsonNode name : message.path("failed")) {
      if (failed.size() < MAX_NAMES) {
        String text = name.asText();
        failed.add(text.substring(0, Math.min(text.length(), MAX_NAME)));
      }
    }
    return Optional.of(
        new LuigiStatus(
            n.path("total").asInt(),
            n.path("complete").asInt(),
            n.path("ran").asInt(),
            n.path("failed").asInt(),
            n.path("pending").asInt(),
            done + "/" + n.path("total").asInt(),
            failed));
  }
}
