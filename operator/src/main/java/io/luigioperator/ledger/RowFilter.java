/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import io.luigioperator.ledger.Results.RowReader;
import io.micrometer.core.instrument.MeterRegistry;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Skips rows that a newer version of the operator wrote and this one cannot read, and reports each,
 * so that one row never makes a whole list fail.
 */
final class RowFilter {

  private static final Logger LOG = LoggerFactory.getLogger(RowFilter.class);

  private final MeterRegistry metrics;

  RowFilter(MeterRegistry metrics) {
    this.metrics = metrics;
  }

  /** The rows that can be read. */
  <T> List<T> all(ResultSet rows, RowReader<T> reader) throws SQLException {
    List<T> read = new ArrayList<>();
    while (rows.next()) {
      read(rows, reader, problem -> {}).ifPresent(read::add);
    }
    return read;
  }

  /**
   * Reads the current row, which must have namespace and name of a run.
   *
   * @param unreadable gets the problem of a row that is skipped
   */
  <T> Optional<T> read(ResultSet row, RowReader<T> reader, Consumer<String> unreadable)
      throws SQLException {
    try {
      return Optional.of(reader.read(row));
    } catch (UnknownValue e) {
      String problem = String.valueOf(e.getMessage());
      metrics.counter("luigi.operator.ledger.unknown.values", "column", e.column()).increment();
      LOG.atWarn()
          .addKeyValue("run", row.getString("namespace") + "/" + row.getString("name"))
          .addKeyValue("error", problem)
          .log("row skipped");
      unreadable.accept(problem);
      return Optional.empty();
    }
  }
}
