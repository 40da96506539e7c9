/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.chart;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** Programs that the tests start: those that {@code dev/binaries} builds. */
final class Tools {
  /** The folder helm of the repository. */
  static final Path HELM = Path.of("..").toAbsolutePath().normalize();

  static final Path REPOSITORY = HELM.getParent();

  /** The folder with the programs; its name tells their version. */
  static final Path FOLDER =
      Path.of(
          run(List.of(REPOSITORY.resolve("dev/binaries").toString(), "--path"), Map.of(), "")
              .orFail()
              .strip());

  private static final int TIMEOUT_SECONDS = 60;

  private Tools() {}

  /** What a program left behind. */
  record Output(int exitCode, String stdout, String stderr) {
    String orFail() {
      if (exitCode != 0) {
        throw new AssertionError("exit code " + exitCode + "\n" + stdout + stderr);
      }
      return stdout;
    }

    /** What a program that refused to do it said about that. */
    String refusal() {
      if (exitCode == 0) {
        throw new AssertionError("it was not refused\n" + stdout + stderr);
      }
      return stderr;
    }
  }

  /** Absent programs are an error, not a reason to skip. */
  static String program(String name) {
    Path path = FOLDER.resolve(name);
    if (!Files.isExecutable(path)) {
      throw new IllegalStateException(path + " is missing: run dev/binaries " + name);
    }
    return path.toString();
  }

  static Output run(List<String> command, Map<String, String> environment, String input) {
    try {
      Path folder = Files.createTempDirectory("chart-test");
      Path stdin = Files.writeString(folder.resolve("in"), input);
      Path stdout = folder.resolve("out");
      Path stderr = folder.resolve("err");
      var builder =
          new ProcessBuilder(command)
              .redirectInput(stdin.toFile())
              .redirectOutput(stdout.toFile())
              .redirectError(stderr.toFile());
      builder.environment().putAll(environment);
      Process process = builder.start();
      try {
        if (!process.waitFor(TIMEOUT_SECONDS, TimeUnit.SECONDS)) {
          throw new AssertionError("not done within " + TIMEOUT_SECONDS + " s: " + command);
        }
        return new Output(
            process.exitValue(),
            Files.readString(stdout, StandardCharsets.UTF_8),
            Files.readString(stderr, StandardCharsets.UTF_8));
      } finally {
        process.destroyForcibly();
        for (Path file : List.of(stdin, stdout, stderr, folder)) {
          Files.deleteIfExists(file);
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }
}
