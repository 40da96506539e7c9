/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.testing;

import java.nio.file.Files;
import java.nio.file.Path;

/** The working tree that the tests run in, whichever folder of it they are started from. */
public final class Repository {
  private static final Path ROOT = find();

  private Repository() {}

  /**
   * @param path relative to the root of the repository, e.g. {@code helm/luigi-operator}
   */
  public static Path path(String path) {
    return ROOT.resolve(path);
  }

  private static Path find() {
    Path start = Path.of("").toAbsolutePath();
    for (Path folder = start; folder != null; folder = folder.getParent()) {
      if (Files.isExecutable(folder.resolve("dev/binaries"))) {
        return folder;
      }
    }
    throw new IllegalStateException("no folder above " + start + " contains dev/binaries");
  }
}
