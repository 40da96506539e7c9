/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** What the statements of one packet returned. */
final class Results {

  /** Reads the current row. */
  @FunctionalInterface
  interface RowReader<T> {
    T read(ResultSet row) throws SQLException;
  }

  private final List<ResultSet> rows = new ArrayList<>();
  private final List<Integer> counts = new ArrayList<>();
  private int next;

  private Results() {}

  /** Takes the results of all statements, so that the error of any of them is thrown here. */
  static Results of(PreparedStatement executed) throws SQLException {
    Results results = new Results();
    ResultSet set = executed.getResultSet();
    int count = executed.getUpdateCount();
    while (set != null || count >= 0) {
      if (set != null) {
        results.rows.add(set);
      } else {
        results.counts.add(count);
      }
      executed.getMoreResults(Statement.KEEP_CURRENT_RESULT);
      set = executed.getResultSet();
      count = executed.getUpdateCount();
    }
    return results;
  }

  /** The first row of the next statement that returns rows. */
  <T> Optional<T> first(RowReader<T> reader) {
    return all(reader).stream().findFirst();
  }

  /** The rows of the next statement that returns rows. */
  <T> List<T> all(RowReader<T> reader) {
    ResultSet set = rows.get(next++);
    List<T> read = new ArrayList<>();
    try {
      while (set.next()) {
        read.add(reader.read(set));
      }
    } catch (SQLException e) {
      throw unreadable(e);
    }
    return read;
  }

  /** The rows of the next statement that returns rows, without those that the filter skips. */
  <T> List<T> all(RowFilter filter, RowReader<T> reader) {
    try {
      return filter.all(rows.get(next++), reader);
    } catch (SQLException e) {
      throw unreadable(e);
    }
  }

  private static IllegalStateException unreadable(SQLException e) {
    return new IllegalStateException("a result of the ledger cannot be read", e);
  }

  /**
   * How many rows a statement that changes rows has found.
   *
   * @param statement its number, from 0, among those that return no rows
   */
  int count(int statement) {
    return counts.get(statement);
  }
}
