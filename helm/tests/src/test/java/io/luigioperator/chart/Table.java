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
 * Tables as text: a row in a line, its cells parted by bars. Empty cells count, empty lines not.
 */
final class Table {
  private Table() {}

  static Stream<List<String>> of(String text) {
    return text.lines()
        .filter(line -> !line.isBlank() && !line.startsWith("#"))
        .map(line -> Arrays.stream(line.split("\\|", -1)).map(String::strip).toList());
  }

  /** One of those in the folder of resources. */
  static Stream<List<String>> ofFile(String name) {
    try {
      return of(Files.readString(Path.of("src/test/resources").resolve(name)));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
