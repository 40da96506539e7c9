/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.manifest;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** The errors of a file, at most one for each field. Not thread-safe. */
public final class Problems {

  /**
   * @param line from 1 on
   * @param field path of the field, such as spec.clients[2].timeZone; empty if it is none
   */
  public record Problem(int line, String field, String message) {}

  private final List<Problem> all = new ArrayList<>();
  private final Set<String> known = new HashSet<>();

  /** Has no effect if the document has an error at this field already. */
  public void add(YamlDocument document, String field, String message) {
    if (known.add(document.line() + " " + field)) {
      all.add(new Problem(document.line(field), field, message));
    }
  }

  public void add(int line, String message) {
    add(line, "", message);
  }

  /** Also if the field has an error already. */
  public void add(int line, String field, String message) {
    all.add(new Problem(line, field, message));
  }

  public int size() {
    return all.size();
  }

  public List<Problem> all() {
    return List.copyOf(all);
  }
}
