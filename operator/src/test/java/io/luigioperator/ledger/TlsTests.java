/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.luigioperator.ledger.LedgerConfig.Ssl;
import io.luigioperator.testing.Certificate;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import org.jdbi.v3.core.Handle;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Connections to the server are always encrypted. */
interface TlsTests extends SqlFixture {

  @Test
  default void everySessionIsEncryptedInUtcAndReadCommitted() {
    try (Database database = new Database(sql().config());
        Handle pooled = database.open();
        Handle fresh = database.openFresh()) {
      for (Handle h : new Handle[] {pooled, fresh}) {
        Map<String, Object> cipher =
            h.createQuery("SHOW SESSION STATUS LIKE 'Ssl_cipher'").mapToMap().one();
        assertThat(cipher.get("value").toString()).isNotEmpty();
        assertThat(h.createQuery("SELECT @@transaction_isolation").mapTo(String.class).one())
            .isEqualTo("READ-COMMITTED");
        assertThat(h.createQuery("SELECT @@session.time_zone").mapTo(String.class).one())
            .isEqualTo("+00:00");
        assertThat(h.createQuery("SELECT @@innodb_lock_wait_timeout").mapTo(Integer.class).one())
            .isEqualTo(3);
        assertThat(h.createQuery("SELECT @@session.wait_timeout").mapTo(Integer.class).one())
            .isEqualTo(120);
      }
    }
  }

  @Test
  default void aServerWithoutTlsIsRefusedWithAdvice() {
    try (TcpProxy proxy = TcpProxy.hidingTls(server())) {
      assertThatThrownBy(() -> open(sql().through(proxy.port())))
          .isInstanceOf(LedgerUnavailable.class)
          .hasMessageContaining("MySQL at 127.0.0.1:" + proxy.port())
          .hasMessageContaining(
              "TLS is always required, and sslMode is REQUIRED: enable TLS on the server");
    }
    try (TcpProxy proxy = TcpProxy.to(server())) {
      open(sql().through(proxy.port()));
    }
  }

  @Test
  default void onlyTheConfiguredAuthorityIsTrusted() throws IOException {
    open(trusting(server().ca()));
    Path stranger = Certificate.make().cert();
    assertThatThrownBy(() -> open(trusting(stranger)))
        .isInstanceOf(LedgerUnavailable.class)
        .hasMessageContaining("sslMode is VERIFY_CA: enable TLS on the server")
        .hasMessageContaining("The trusted CA certificates are those in " + stranger)
        .hasMessageContaining("set mysql.caSecret of the chart (LUIGI_OPERATOR_MYSQL_CA_FILE)");
  }

  /** The certificates of both servers are for other names. */
  @Test
  default void theCertificateMustBeForTheHost() {
    open(trusting("localhost", server().ca(), Ssl.VERIFY_CA));
    assertThatThrownBy(() -> open(trusting("localhost", server().ca(), Ssl.VERIFY_IDENTITY)))
        .isInstanceOf(LedgerUnavailable.class)
        .hasMessageContaining("with a certificate of a trusted CA and for the host name localhost");
  }

  @Test
  default void aCaFileWithoutCertificatesIsRefused(@TempDir Path dir) throws IOException {
    Path empty = Files.createFile(dir.resolve("empty.pem"));
    assertThatThrownBy(() -> open(trusting(empty)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(empty.toString());
    Path missing = dir.resolve("missing.pem");
    assertThatThrownBy(() -> open(trusting(missing)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(missing.toString());
  }

  private LedgerConfig trusting(Path ca) {
    return trusting(sql().config().host(), ca, Ssl.VERIFY_CA);
  }

  private LedgerConfig trusting(String host, Path ca, Ssl ssl) {
    LedgerConfig c = sql().config();
    return new LedgerConfig(
        host,
        c.port(),
        c.database(),
        c.user(),
        c.passwordFile(),
        ssl,
        Optional.of(ca),
        c.poolSize());
  }

  private void open(LedgerConfig config) {
    try (MySqlLedger ledger = open(config, new SimpleMeterRegistry())) {
      assertThat(ledger.queries().now()).isNotNull();
    }
  }
}
