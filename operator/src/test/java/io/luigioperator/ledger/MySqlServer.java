/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import io.luigioperator.testing.Command;
import io.luigioperator.testing.Ports;
import io.luigioperator.testing.Repository;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * One MySQL 9 for all tests of this JVM, started by dev/mysql on loopback, stopped with the JVM.
 */
final class MySqlServer {

  private static final Pattern READY = Pattern.compile("ready 127\\.0\\.0\\.1:\\d+ pid (\\d+) .*");

  /** The very first start unpacks the server from Debian packages. */
  private static final Duration LIMIT = Duration.ofMinutes(15);

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
      server = new SqlServer(Ports.free(), "luigi", "luigi", dir.resolve("data/ca.pem"));
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
   * Kills the process and waits for its end. The kernel keeps what the process has written, so this
   * does not test a power failure.
   */
  void kill() {
    ProcessHandle process = ProcessHandle.of(pid).orElseThrow();
    process.destroyForcibly();
    process.onExit().join();
  }

  private static String mysql(String... arguments) {
    List<String> command =
        Stream.concat(Stream.of(Repository.path("dev/mysql").toString()), Stream.of(arguments))
            .toList();
    return Command.run(command, Map.of(), "", LIMIT).orFail();
  }
}
