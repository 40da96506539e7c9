/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.SQLFeatureNotSupportedException;
import java.util.Properties;
import java.util.logging.Logger;
import java.util.regex.Pattern;
import javax.sql.DataSource;

/**
 * Opens connections with the password that is in the file at that moment. Kubernetes replaces the
 * file when the Secret changes, so a new password needs no restart; open connections stay valid.
 *
 * <p>If the server refuses the password, the last one that it accepted is tried: the Secret may
 * change before the server does. Thread-safe.
 */
final class LedgerConnections implements DataSource {

  private static final String NO_CONNECTION = "08001";
  private static final Pattern LINE_BREAK = Pattern.compile("\\r?\\n\\z");

  private final String url;
  private final Properties properties;
  private final Path passwordFile;
  private volatile String accepted = "";

  /**
   * @param properties of the driver, with the user and without the password
   */
  LedgerConnections(String url, Properties properties, Path passwordFile) {
    this.url = url;
    this.properties = properties;
    this.passwordFile = passwordFile;
  }

  @Override
  public Connection getConnection() throws SQLException {
    String password = password();
    try {
      Connection connection = connect(password);
      accepted = password;
      return connection;
    } catch (SQLException e) {
      String last = accepted;
      if (!SqlFault.isAccessDenied(e) || last.isEmpty() || last.equals(password)) {
        throw e;
      }
      return connect(last);
    }
  }

  /** Without the line break at the end, which an editor or {@code echo} adds. */
  private String password() throws SQLException {
    try {
      return LINE_BREAK.matcher(Files.readString(passwordFile)).replaceFirst("");
    } catch (IOException e) {
      throw new SQLException(
          "the password file %s cannot be read: %s".formatted(passwordFile, e), NO_CONNECTION, e);
    }
  }

  private Connection connect(String password) throws SQLException {
    Properties all = new Properties();
    all.putAll(properties);
    all.setProperty("password", password);
    return DriverManager.getConnection(url, all);
  }

  @Override
  public Connection getConnection(String user, String password) throws SQLException {
    throw new SQLFeatureNotSupportedException("the user is configured");
  }

  @Override
  public void setLoginTimeout(int seconds) {
    DriverManager.setLoginTimeout(seconds);
  }

  @Override
  public int getLoginTimeout() {
    return DriverManager.getLoginTimeout();
  }

  @Override
  public PrintWriter getLogWriter() {
    return DriverManager.getLogWriter();
  }

  @Override
  public void setLogWriter(PrintWriter out) {
    DriverManager.setLogWriter(out);
  }

  @Override
  public Logger getParentLogger() throws SQLFeatureNotSupportedException {
    throw new SQLFeatureNotSupportedException();
  }

  @Override
  public <T> T unwrap(Class<T> type) throws SQLException {
    throw new SQLException("not a wrapper of " + type);
  }

  @Override
  public boolean isWrapperFor(Class<?> type) {
    return false;
  }
}
