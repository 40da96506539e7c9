/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.preview;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Map;

/**
 * A Kubernetes object in a file.
 *
 * @param line of its beginning, from 1 on
 * @param lines of its fields, by path
 * @param plainText what is written for each scalar that is not in quotes, by path
 */
record YamlDocument(
    int line, JsonNode content, Map<String, Integer> lines, Map<String, String> plainText) {

  /** The line of a field; if it is missing, of the closest field around it. */
  int line(String field) {
    String path = field;
    while (!path.isEmpty()) {
      Integer found = lines.get(path);
      if (found != null) {
        return found;
      }
      path = path.substring(0, Math.max(0, Math.max(path.lastIndexOf('.'), path.lastIndexOf('['))));
    }
    return line;
  }

  String kind() {
    return content.path("kind").asText();
  }

  String name() {
    return content.path("metadata").path("name").asText();
  }
}
