/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.jdbi.v3.core.Jdbi;

/**
 * A database server on loopback.
 *
 * @param user has every right
 * @param ca PEM file of the authority that issued its certificate
 */
record SqlServer(int port, String user, String password, Path ca) {

  private static final AtomicInteger DATABASES = new AtomicInteger();

  /** A new file with a password. */
  static Path passwordFile(String password) {
    try {
      Path file = Files.createTempFile("ledger-password-", "");
      file.toFile().deleteOnExit();
      return Files.writeString(file, password);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Creates an empty database. */
  Sql freshDatabase(String hint) {
    String name = hint.toLowerCase(java.util.Locale.ROOT) + "_" + DATABASES.incrementAndGet();
    Jdbi.create("jdbc:mysql://127.0.0.1:%d/?sslMode=REQUIRED".formatted(port), user, password)
        .useHandle(h -> h.execute("CREATE DATABASE " + name));
    return new Sql(
        new LedgerConfig(
            "127.0.0.1",
            port,
            name,
            user,
            passwordFile(password),
            LedgerConfig.Ssl.REQUIRED,
            Optional.empty(),
            LedgerConfig.DEFAULT_POOL_SIZE));
  }
}
