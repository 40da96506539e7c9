/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.luigioperator.ledger.LedgerConfig.Ssl;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.sql.Connection;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.util.Optional;
import java.util.Properties;
import javax.net.ssl.SSLException;
import javax.sql.DataSource;
import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.FlywayException;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.jdbi.v3.core.argument.AbstractArgumentFactory;
import org.jdbi.v3.core.argument.Argument;
import org.jdbi.v3.core.config.ConfigRegistry;
import org.jdbi.v3.core.statement.SqlStatements;

/** Connections to MySQL: a small pool, and fresh ones when the outcome of a commit is in doubt. */
final class Database implements AutoCloseable {

  /** The version of the tables after the migrations of this operator; the last one stores it. */
  static final int SCHEMA_VERSION = 2;

  private static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(5);

  /** Longest wait for the answer to one packet; longer than the lock waits of its statements. */
  private static final Duration PACKET_TIMEOUT = Duration.ofSeconds(10);

  private static final Duration MIGRATION_TIMEOUT = Duration.ofMinutes(10);

  /**
   * READ COMMITTED, because the next-key locks of the default level would make unrelated keys wait
   * for each other. The server closes a session after two minutes without a request, and with it
   * the locks of an operator that lost its network in the middle of a transaction; the pool's
   * keepalive comes sooner.
   */
  private static final String SESSION =
      """
      transaction_isolation='READ-COMMITTED',time_zone='+00:00',\
      sql_mode='STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO',\
      innodb_lock_wait_timeout=3,wait_timeout=120""";

  private static final Duration KEEPALIVE = Duration.ofSeconds(30);
  private static final Duration IDLE = Duration.ofMinutes(1);
  private static final Duration LIFETIME = Duration.ofMinutes(15);

  private final LedgerConfig config;
  private final Properties properties;
  private final HikariDataSource pool;
  private final Jdbi pooled;
  private final Jdbi fresh;

  Database(LedgerConfig config) {
    this.config = config;
    this.properties = properties(config);
    DataSource connections = new LedgerConnections(config.url(), properties, config.passwordFile());
    HikariConfig hikari = new HikariConfig();
    hikari.setPoolName("ledger");
    hikari.setDataSource(connections);
    hikari.setMaximumPoolSize(config.poolSize());
    hikari.setMinimumIdle(0); // no spare connections: each costs a TLS handshake and statements
    hikari.setConnectionTimeout(CONNECT_TIMEOUT.toMillis());
    hikari.setValidationTimeout(CONNECT_TIMEOUT.toMillis() / 2);
    hikari.setKeepaliveTime(KEEPALIVE.toMillis());
    hikari.setIdleTimeout(IDLE.toMillis());
    hikari.setMaxLifetime(LIFETIME.toMillis());
    hikari.setInitializationFailTimeout(-1); // the caller retries
    this.pool = new HikariDataSource(hikari);
    this.pooled = configured(Jdbi.create(pool));
    this.fresh = configured(Jdbi.create(connections));
  }

  /**
   * Brings the tables to the version that this operator knows; concurrent callers wait for each
   * other.
   *
   * @throws LedgerTooNew if they have a later version
   */
  void migrate() {
    Optional<Integer> version = schemaVersion();
    if (version.isEmpty() || version.get() < SCHEMA_VERSION) {
      update();
      version = schemaVersion();
    }
    if (version.isEmpty()) {
      throw new IllegalStateException(
          "table meta has no row: the tables were created only in part. Drop them if they are new,"
              + " or restore a backup");
    }
    if (version.get() > SCHEMA_VERSION) {
      throw new LedgerTooNew(version.get(), SCHEMA_VERSION);
    }
  }

  /** Flyway is used only if there is something to do, because its classes take long to load. */
  private void update() {
    Properties patient = new Properties();
    patient.putAll(properties);
    patient.setProperty("socketTimeout", Long.toString(MIGRATION_TIMEOUT.toMillis()));
    try {
      Flyway.configure()
          .dataSource(new LedgerConnections(config.url(), patient, config.passwordFile()))
          .locations("classpath:db/migration")
          .table("ledger_version")
          .validateMigrationNaming(true)
          .load()
          .migrate();
    } catch (FlywayException e) {
      throw unavailable("its tables could not be created or updated", e);
    }
  }

  /** Empty if a migration has not created the table yet, or not come to its last statement. */
  private Optional<Integer> schemaVersion() {
    try (Handle h = openFresh()) {
      return h.createQuery("SELECT schema_version FROM meta WHERE id = 1")
          .mapTo(Integer.class)
          .findOne();
    } catch (RuntimeException e) {
      if (SqlFault.isMissingTable(e)) {
        return Optional.empty();
      }
      throw unavailable("the version of its tables could not be read", e);
    }
  }

  /** A connection of the pool. */
  Handle open() {
    return pooled.open();
  }

  /** A new connection, which after a failover leads to the server that is the primary now. */
  Handle openFresh() {
    return fresh.open();
  }

  /** Removes a connection from the pool that must not be used again. */
  void discard(Connection connection) {
    pool.evictConnection(connection);
  }

  /** With the address of the server, the cause, and what to do if TLS or the password is wrong. */
  LedgerUnavailable unavailable(String what, Throwable cause) {
    return new LedgerUnavailable(
        "ledger unavailable: %s (MySQL at %s:%d): %s%s"
            .formatted(what, config.host(), config.port(), SqlFault.message(cause), advice(cause)),
        cause);
  }

  private String advice(Throwable cause) {
    if (SqlFault.isAccessDenied(cause)) {
      return "; the password of user %s is read from %s: correct the Secret or the server"
          .formatted(config.user(), config.passwordFile());
    }
    if (!aboutTls(cause)) {
      return "";
    }
    String always =
        "; TLS is always required, and sslMode is %s: enable TLS on the server"
            .formatted(config.ssl());
    if (config.ssl() == Ssl.REQUIRED) {
      return always;
    }
    String trusted =
        config.caFile().map(file -> "those in " + file).orElse("those of the Java runtime");
    String name =
        config.ssl() == Ssl.VERIFY_IDENTITY
            ? " and for the host name %s".formatted(config.host())
            : "";
    return ("%s, with a certificate of a trusted CA%s. The trusted CA certificates are %s; to give"
            + " that of the server, put it into a Secret with the key ca.crt and set mysql.caSecret"
            + " of the chart (LUIGI_OPERATOR_MYSQL_CA_FILE)")
        .formatted(always, name, trusted);
  }

  private static boolean aboutTls(Throwable failure) {
    for (Throwable t = failure; t != null; t = t.getCause()) {
      boolean byServer = String.valueOf(t.getMessage()).contains("SSL Connection required");
      if (byServer || t instanceof SSLException || t instanceof GeneralSecurityException) {
        return true;
      }
    }
    return false;
  }

  @Override
  public void close() {
    pool.close();
  }

  private static Properties properties(LedgerConfig config) {
    Properties p = new Properties();
    p.setProperty("user", config.user());
    p.setProperty("connectTimeout", Long.toString(CONNECT_TIMEOUT.toMillis()));
    p.setProperty("socketTimeout", Long.toString(PACKET_TIMEOUT.toMillis()));
    p.setProperty("sessionVariables", SESSION);
    p.setProperty("connectionAttributes", "program_name:luigi-operator");
    // An UPDATE counts the rows that its WHERE found, changed or not: the count shows whether the
    // guard holds. An upsert counts 1 also for a row that exists: its count is never used.
    p.setProperty("useAffectedRows", "false");
    // Several statements travel in one packet. No SQL text is ever built from data, which a test
    // checks, so that this opens no way for an injection.
    p.setProperty("allowMultiQueries", "true");
    // Without this the driver asks the server before each change whether the session is read-only.
    p.setProperty("readOnlyPropagatesToServer", "false");
    // The driver remembers where the parameters of a text are, instead of searching each time. A
    // longer text, or one that does not fit, is searched again.
    p.setProperty("cachePrepStmts", "true");
    p.setProperty("prepStmtCacheSize", "100");
    p.setProperty("prepStmtCacheSqlLimit", "8192");
    p.setProperty("sslMode", config.ssl().name());
    config
        .caFile()
        .ifPresent(
            pem -> {
              p.setProperty("fallbackToSystemTrustStore", "false");
              p.setProperty("trustCertificateKeyStoreUrl", trustStore(pem).toUri().toString());
              p.setProperty("trustCertificateKeyStoreType", "PKCS12");
              p.setProperty("trustCertificateKeyStorePassword", TRUST_STORE_PASSWORD);
            });
    return p;
  }

  /** The key store format requires a password; the certificates in it are not secret. */
  private static final String TRUST_STORE_PASSWORD = "certificates";

  /** The driver reads key stores only, and users have PEM files. */
  private static Path trustStore(Path pem) {
    try (InputStream in = Files.newInputStream(pem)) {
      KeyStore store = KeyStore.getInstance("PKCS12");
      store.load(null, null);
      int n = 0;
      for (Certificate c : CertificateFactory.getInstance("X.509").generateCertificates(in)) {
        store.setCertificateEntry("ca-" + n++, c);
      }
      if (n == 0) {
        throw new IllegalArgumentException("the CA file " + pem + " holds no PEM certificate");
      }
      Path file = Files.createTempFile("ledger-ca-", ".p12");
      file.toFile().deleteOnExit();
      try (OutputStream out = Files.newOutputStream(file)) {
        store.store(out, TRUST_STORE_PASSWORD.toCharArray());
      }
      return file;
    } catch (IOException | GeneralSecurityException e) {
      throw new IllegalArgumentException(
          "the CA file %s cannot be read as PEM certificates: %s".formatted(pem, e.getMessage()),
          e);
    }
  }

  /**
   * Instants are sent as UTC local time; java.sql.Timestamp would convert to the zone of the JVM.
   */
  private static Jdbi configured(Jdbi jdbi) {
    // all values of a row are bound, whichever of them a statement writes
    jdbi.getConfig(SqlStatements.class).setUnusedBindingAllowed(true);
    return jdbi.registerArgument(
            new AbstractArgumentFactory<Instant>(java.sql.Types.TIMESTAMP) {
              @Override
              protected Argument build(Instant value, ConfigRegistry registry) {
                return (position, statement, ctx) ->
                    statement.setObject(position, LocalDateTime.ofInstant(value, ZoneOffset.UTC));
              }
            })
        .registerColumnMapper(
            Instant.class,
            (rs, column, ctx) -> {
              LocalDateTime t = rs.getObject(column, LocalDateTime.class);
              return t == null ? null : t.toInstant(ZoneOffset.UTC);
            });
  }
}
