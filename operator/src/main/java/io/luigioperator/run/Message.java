/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

/** Words for people in rows, conditions and Events, none of which may grow without bound. */
public final class Message {

  /** What an Event may hold, in characters; the ledger's columns and the status follow it. */
  public static final int MAX = 1024;

  private Message() {}

  /** The text, with its end replaced by an ellipsis if it is longer than {@link #MAX}. */
  public static String bounded(String text) {
    return bounded(text, MAX);
  }

  /** The text, with its end replaced by an ellipsis if it is longer than {@code max}. */
  static String bounded(String text, int max) {
    if (text.length() <= max) {
      return text;
    }
    int end = Character.isHighSurrogate(text.charAt(max - 2)) ? max - 2 : max - 1;
    return text.substring(0, end) + "…";
  }
}
