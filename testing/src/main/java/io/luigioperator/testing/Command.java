/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/** Runs other programs to their end. */
public final class Command {
  /** Within which a program that does little must end. */
  private static final Duration LIMIT = Duration.ofSeconds(60);

  private Command() {}

  /** How a program ended, and what it printed. */
  public record Output(int exitCode, String stdout, String stderr) {

    /**
     * @return the standard output of a program that succeeded
     * @throws AssertionError if it failed
     */
    public String orFail() {
      if (exitCode != 0) {
        throw new AssertionError("exit code " + exitCode + "\n" + stdout + stderr);
      }
      return stdout;
    }

    /**
     * @return the standard error of a program that refused to do something
     * @throws AssertionError if it succeeded
     */
    public String refusal() {
      if (exitCode == 0) {
        throw new AssertionError("it was not refused\n" + stdout + stderr);
      }
      return stderr;
    }
  }

  /** As {@link #run(List, Map, String, Duration)}, for at most 60 seconds and without input. */
  public static Output run(List<String> command) {
    return run(command, Map.of(), "", LIMIT);
  }

  /**
   * Input and output are files and not pipes: a server that the program leaves behind keeps them
   * open, and a reader of a pipe would wait for it.
   *
   * @param environment variables beside those of this process
   * @param input the standard input
   * @throws AssertionError if the program has not ended after the limit; it is killed
   */
  public static Output run(
      List<String> command, Map<String, String> environment, String input, Duration limit) {
    try {
      Path folder = Files.createTempDirectory("command-");
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
        if (!process.waitFor(limit)) {
          throw new AssertionError(
              "not done within %s: %s\n%s%s"
                  .formatted(limit, command, Files.readString(stdout), Files.readString(stderr)));
        }
        return new Output(process.exitValue(), Files.readString(stdout), Files.readString(stderr));
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
      throw new IllegalStateException("interrupted while " + command + " ran", e);
    }
  }
}
