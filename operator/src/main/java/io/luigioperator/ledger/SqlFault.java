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
  /** Another transaction was in the way: the same again, from the start. */
  CONFLICT,
  /** A row with this unique key exists. */
  DUPLICATE,
  /** The data itself is refused; no repetition helps. */
  REFUSED,
  /** No answer, or one that says nothing about the data. */
  UNAVAILABLE;

  private static final int DUPLICATE_KEY = 1062;

  /** Deadlock, lock wait timeout, changed since last read (MariaDB). */
  private static final Set<Integer> CONFLICTS = Set.of(1213, 1205, 1020);

  /** Wrong text for the character set, and a violated CHECK in MySQL: both under HY000. */
  private static final Set<Integer> REFUSALS = Set.of(1366, 3819);

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

  /** Whether the database has failed, and not our own code. */
  static boolean isSql(Throwable failure) {
    return sql(failure).isPresent();
  }

  /** The words of server or runReconciler in one line, with the reason below them. */
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

  /** The deepest SQLException: the pool and JDBI wrap that of the runReconciler. */
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
