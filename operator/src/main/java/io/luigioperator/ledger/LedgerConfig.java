/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import java.nio.file.Path;
import java.util.Optional;

/**
 * Where the ledger is and how to get in.
 *
 * @param ssl how much TLS proves; there is no way to do without TLS
 * @param caFile PEM certificates to trust instead of the JVM's, for the two verifying modes
 * @param poolSize connections at most, from 2
 */
public record LedgerConfig(
    String host,
    int port,
    String database,
    String user,
    String password,
    Ssl ssl,
    Optional<Path> caFile,
    int poolSize) {

  /** A transaction holds one connection for some milliseconds: a few serve many clients. */
  public static final int DEFAULT_POOL_SIZE = 8;

  /** Named as in MySQL's own clients. */
  public enum Ssl {
    /** Encrypted, but the server's certificate is not looked at. */
    REQUIRED,
    /** The certificate must come from a trusted authority. */
    VERIFY_CA,
    /** And must name the host. */
    VERIFY_IDENTITY
  }

  public LedgerConfig {
    if (caFile.isPresent() && ssl == Ssl.REQUIRED) {
      throw new IllegalArgumentException(
          "a CA file is given, but sslMode REQUIRED does not look at certificates: set it to VERIFY_CA or VERIFY_IDENTITY");
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
    return "LedgerConfig[url=%s, user=%s, password=***, ssl=%s, caFile=%s, poolSize=%d]"
        .formatted(url(), user, ssl, caFile.map(Path::toString).orElse("none"), poolSize);
  }
}
