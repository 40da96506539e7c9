/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.api;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Optional;

/**
 * The rules of kstatus for custom resources, which Flux, kpt and other tools use: the generation,
 * then the first of the conditions Reconciling and Stalled that is True, then Ready.
 */
final class Kstatus {

  private Kstatus() {}

  static String of(JsonNode object) {
    JsonNode status = object.get("status");
    if (!status.path("observedGeneration").equals(object.at("/metadata/generation"))) {
      return "InProgress";
    }
    for (JsonNode condition : status.path("conditions")) {
      boolean isTrue = condition.get("status").asText().equals("True");
      String type = condition.get("type").asText();
      if (isTrue && type.equals("Reconciling")) {
        return "InProgress";
      }
      if (isTrue && type.equals("Stalled")) {
        return "Failed";
      }
    }
    Optional<JsonNode> ready =
        status
            .path("conditions")
            .valueStream()
            .filter(c -> c.get("type").asText().equals("Ready"))
            .findFirst();
    return ready.filter(c -> !c.get("status").asText().equals("True")).isPresent()
        ? "InProgress"
        : "Current";
  }
}
