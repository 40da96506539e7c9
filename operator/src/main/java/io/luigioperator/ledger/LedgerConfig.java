/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import java.nio.file.Path;
import java.util.Optional;

/**
 * How to connect to the database of the ledger.
 *
 * @param passwordFile read for each new connection, so that the password can change
 * @param ssl what is verified; TLS is always required
 * @param caFile PEM certificates to trust instead of those of the JVM; not with REQUIRED
 * @param poolSize most connections at a time, at least 2
 */
public record LedgerConfig(
    String host,
    int port,
    String database,
    String user,
    Path passwordFile,
    Ssl ssl,
    Optional<Path> caFile,
    int poolSize) {

  /** A transaction holds a connection for a few milliseconds only. */
  public static final int DEFAULT_POOL_SIZE = 8;

  /** The names are those of MySQL's own clients. */
  public enum Ssl {
    /** Encrypted; the certificate of the server is not verified. */
    REQUIRED,
    /** The certificate must be issued by a trusted authority. */
    VERIFY_CA,
    /** As VERIFY_CA, and the certificate must name the host. */
    VERIFY_IDENTITY
  }

  public LedgerConfig {
    if (caFile.isPresent() && ssl == Ssl.REQUIRED) {
      throw new IllegalArgumentException(
          "a CA file is given, but sslMode REQUIRED does not verify certificates: set it to"
              + " VERIFY_CA or VERIFY_IDENTITY");
    }
    if (poolSize < 2) {
      throw new IllegalArgumentException("poolSize is " + poolSize + ", but at least 2 are needed");
    }
  }

  String url() {
    String authority = host.contains(":") ? "[" + host + "]" : host;
    return "jdbc:mysql://" + authority + ":" + port + "/" + database;
  }

  @Override
  public String toString() {
    return "LedgerConfig[url=%s, user=%s, passwordFile=%s, ssl=%s, caFile=%s, poolSize=%d]"
        .formatted(
            url(), user, passwordFile, ssl, caFile.map(Path::toString).orElse("none"), poolSize);
  }
}
