/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import java.util.ArrayList;
import java.util.List;

/** Splits SQL text into statements and replaces literals, by the lexical rules of the server. */
final class SqlText {

  private SqlText() {}

  /** The statements of a packet, with {@code ?} in the place of each literal. */
  static List<String> statements(String packet) {
    List<String> statements = new ArrayList<>();
    StringBuilder statement = new StringBuilder();
    int i = 0;
    while (i < packet.length()) {
      char c = packet.charAt(i);
      if (c == '\'' || c == '"') {
        i = endOfText(packet, i);
        statement.append('?');
      } else if (Character.isDigit(c) && !isPartOfName(statement)) {
        while (i < packet.length() && (Character.isDigit(packet.charAt(i)))) {
          i++;
        }
        statement.append('?');
      } else if (c == ';') {
        statements.add(statement.toString().strip());
        statement.setLength(0);
        i++;
      } else {
        statement.append(c);
        i++;
      }
    }
    if (!statement.toString().isBlank()) {
      statements.add(statement.toString().strip());
    }
    return statements;
  }

  private static boolean isPartOfName(StringBuilder before) {
    return !before.isEmpty()
        && (Character.isLetterOrDigit(before.charAt(before.length() - 1))
            || before.charAt(before.length() - 1) == '_');
  }

  /** A quote is part of the text if it is doubled or comes after a backslash. */
  private static int endOfText(String packet, int start) {
    char quote = packet.charAt(start);
    int i = start + 1;
    while (i < packet.length()) {
      char c = packet.charAt(i);
      if (c == '\\') {
        i += 2;
      } else if (c != quote) {
        i++;
      } else if (i + 1 < packet.length() && packet.charAt(i + 1) == quote) {
        i += 2;
      } else {
        return i + 1;
      }
    }
    throw new IllegalArgumentException("text without an end: " + packet);
  }
}
