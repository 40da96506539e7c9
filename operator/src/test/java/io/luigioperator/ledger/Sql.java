/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.util.List;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;

/** A database of a test, to inspect or damage its rows without the ledger. */
final class Sql implements AutoCloseable {

  private static final List<String> TABLES =
      List.of(
          "cluster",
          "client_mutex",
          "run",
          "run_object",
          "attempt",
          "schedule",
          "schedule_client",
          "tick",
          "tick_gap",
          "backfill",
          "backfill_run");

  private final LedgerConfig config;
  private Handle handle;

  Sql(LedgerConfig config) {
    this.config = config;
    this.handle = connect();
  }

  private Handle connect() {
    return Jdbi.create(
            "jdbc:mysql://%s:%d/%s?sslMode=REQUIRED"
                .formatted(config.host(), config.port(), config.database()),
            config.user(),
            password())
        .open();
  }

  private String password() {
    try {
      return Files.readString(config.passwordFile());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** After the server was killed. */
  void reconnect() {
    handle = connect();
  }

  LedgerConfig config() {
    return config;
  }

  /** The same database through another port. */
  LedgerConfig through(int port) {
    return new LedgerConfig(
        config.host(),
        port,
        config.database(),
        config.user(),
        config.passwordFile(),
        config.ssl(),
        config.caFile(),
        config.poolSize());
  }

  Handle handle() {
    return handle;
  }

  void empty() {
    TABLES.forEach(table -> handle.execute("DELETE FROM " + table));
    handle.execute("UPDATE meta SET barrier = 0, schema_version = " + Database.SCHEMA_VERSION);
  }

  int count(String query) {
    return handle.createQuery(query).mapTo(Integer.class).one();
  }

  @Override
  public void close() {
    handle.close();
  }
}
