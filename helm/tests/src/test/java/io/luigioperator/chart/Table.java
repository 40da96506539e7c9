/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.chart;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;

/**
 * Tables as text: one row per line, cells separated by {@code |}. Empty lines and comments are
 * ignored.
 */
final class Table {
  private Table() {}

  static Stream<List<String>> of(String text) {
    return text.lines()
        .filter(line -> !line.isBlank() && !line.startsWith("#"))
        .map(line -> Arrays.stream(line.split("\\|", -1)).map(String::strip).toList());
  }

  /** The table in a file in {@code src/test/resources}. */
  static Stream<List<String>> ofFile(String name) {
    try {
      return of(Files.readString(Path.of("src/test/resources").resolve(name)));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
