/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import java.sql.SQLException;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;

/** What a failed statement means for the transaction it was part of. */
enum SqlFault {
  /** A conflict with another transaction: repeat this one from its start. */
  CONFLICT,
  /** A row with the same unique key exists. */
  DUPLICATE,
  /** MySQL refuses the data; a repetition would fail as well. */
  REFUSED,
  /** No answer, or an error that is not about the data. */
  UNAVAILABLE;

  private static final int ACCESS_DENIED = 1045;
  private static final int DUPLICATE_KEY = 1062;
  private static final int NO_SUCH_TABLE = 1146;

  /** Deadlock, lock wait timeout, changed since last read (MariaDB). */
  private static final Set<Integer> CONFLICTS = Set.of(1213, 1205, 1020);

  /** Text outside of the character set, and a violated CHECK in MySQL: both with HY000. */
  private static final Set<Integer> REFUSALS = Set.of(1366, 3819);

  /** Whether a statement failed because a table does not exist. */
  static boolean isMissingTable(Throwable failure) {
    return sql(failure).filter(e -> e.getErrorCode() == NO_SUCH_TABLE).isPresent();
  }

  /** Whether the server does not accept the user or its password. */
  static boolean isAccessDenied(Throwable failure) {
    return sql(failure).filter(e -> e.getErrorCode() == ACCESS_DENIED).isPresent();
  }

  static SqlFault of(Throwable failure) {
    return sql(failure).map(SqlFault::ofSql).orElse(UNAVAILABLE);
  }

  private static SqlFault ofSql(SQLException e) {
    if (CONFLICTS.contains(e.getErrorCode())) {
      return CONFLICT;
    }
    if (e.getErrorCode() == DUPLICATE_KEY) {
      return DUPLICATE;
    }
    String state = Objects.requireNonNullElse(e.getSQLState(), "");
    // data exception, integrity violation (a CHECK in MariaDB), raised by a trigger
    boolean refused = state.startsWith("22") || state.startsWith("23") || state.equals("45000");
    return refused || REFUSALS.contains(e.getErrorCode()) ? REFUSED : UNAVAILABLE;
  }

  /** Whether the database or its driver has failed, and not the code of the operator. */
  static boolean isSql(Throwable failure) {
    return sql(failure).isPresent();
  }

  /** The message of the server or the driver in one line, with that of its root cause. */
  static String message(Throwable failure) {
    Throwable top = sql(failure).map(Throwable.class::cast).orElse(failure);
    Throwable root = top;
    while (root.getCause() != null) {
      root = root.getCause();
    }
    String first = firstLine(top);
    String last = firstLine(root);
    return first.equals(last) ? first : first + ": " + last;
  }

  private static String firstLine(Throwable t) {
    return Objects.requireNonNullElse(t.getMessage(), t.toString()).lines().findFirst().orElse("");
  }

  /** The deepest SQLException: the pool and JDBI wrap that of the driver. */
  private static Optional<SQLException> sql(Throwable failure) {
    Optional<SQLException> found = Optional.empty();
    for (Throwable t = failure; t != null; t = t.getCause()) {
      if (t instanceof SQLException e) {
        found = Optional.of(e);
      }
    }
    return found;
  }
}
