/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.preview;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** The errors of a file, at most one for each field. Not thread-safe. */
final class Problems {

  /**
   * @param line from 1 on
   * @param field path of the field, such as spec.clients[2].timeZone; empty if it is none
   */
  record Problem(int line, String field, String message) {}

  private final List<Problem> all = new ArrayList<>();
  private final Set<String> known = new HashSet<>();

  /** Has no effect if the document has an error at this field already. */
  void add(YamlDocument document, String field, String message) {
    if (known.add(document.line() + " " + field)) {
      all.add(new Problem(document.line(field), field, message));
    }
  }

  void add(int line, String message) {
    all.add(new Problem(line, "", message));
  }

  int size() {
    return all.size();
  }

  List<Problem> all() {
    return List.copyOf(all);
  }
}
