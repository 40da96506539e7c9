/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.testing;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** The programs that {@code dev/binaries} has built. */
public final class Binaries {
  /** Its name begins with the version of Kubernetes, e.g. {@code 1.35.4-linux-amd64}. */
  static final Path FOLDER =
      Path.of(
          Command.run(List.of(Repository.path("dev/binaries").toString(), "--path"))
              .orFail()
              .strip());

  private Binaries() {}

  /** The version of Kubernetes. */
  static String version() {
    return FOLDER.toString().replaceFirst(".*/([^/-]+)[^/]*$", "$1");
  }

  /**
   * The path of a program.
   *
   * @throws IllegalStateException if it was not built: a missing program is not a reason to skip
   */
  public static String program(String name) {
    Path path = FOLDER.resolve(name);
    if (!Files.isExecutable(path)) {
      throw new IllegalStateException(path + " is missing: run dev/binaries " + name);
    }
    return path.toString();
  }
}
