/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** One MySQL 9 for all tests of this JVM, a process on loopback by dev/mysql, gone with the JVM. */
final class MySqlServer {

  private static final Pattern READY = Pattern.compile("ready 127\\.0\\.0\\.1:\\d+ pid (\\d+) .*");

  private static final MySqlServer SHARED = new MySqlServer();

  private final Path dir;
  private final SqlServer server;
  private long pid;

  static MySqlServer shared() {
    return SHARED;
  }

  private MySqlServer() {
    try {
      dir = Files.createTempDirectory("ledger-mysql-");
      Scratch.removeAtExit(dir, () -> mysql("stop", dir.toString()));
      server = new SqlServer(freePort(), "luigi", "luigi", dir.resolve("data/ca.pem"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    start();
  }

  SqlServer server() {
    return server;
  }

  /** Starts it, for the first time or again on the data that are there. */
  void start() {
    String answer = mysql("start", dir.toString(), Integer.toString(server.port()));
    Matcher ready = READY.matcher(answer.lines().reduce("", (a, b) -> b));
    if (!ready.matches()) {
      throw new IllegalStateException("dev/mysql start says: " + answer);
    }
    pid = Long.parseLong(ready.group(1));
  }

  /**
   * Ends the process on the spot; returns when it is gone. The kernel keeps what the process has
   * written, so this says nothing about a power cut.
   */
  void kill() {
    ProcessHandle process = ProcessHandle.of(pid).orElseThrow();
    process.destroyForcibly();
    process.onExit().join();
  }

  private static String mysql(String... arguments) {
    Path script = Path.of("..", "dev", "mysql").toAbsolutePath().normalize();
    try {
      Path output = Files.createTempFile("dev-mysql-", ".log");
      int status =
          new ProcessBuilder(
                  Stream.concat(Stream.of(script.toString()), List.of(arguments).stream()).toList())
              .redirectErrorStream(true)
              .redirectOutput(output.toFile())
              .start()
              .waitFor();
      String said = Files.readString(output, StandardCharsets.UTF_8);
      Files.delete(output);
      if (status != 0) {
        throw new IllegalStateException(script + " " + List.of(arguments) + " failed: " + said);
      }
      return said;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while " + script + " ran", e);
    }
  }

  private static int freePort() throws IOException {
    try (ServerSocket s = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return s.getLocalPort();
    }
  }
}
