/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import java.util.Arrays;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.statement.Query;

/**
 * Statements that travel to the server in one packet: one round trip. Their text is constant, data
 * are bound. The server stops at the first statement that fails; what the earlier ones did remains
 * part of the open transaction, so that the caller has to roll back.
 */
final class Statements {

  private final String text;

  private Statements(String text) {
    this.text = text;
  }

  /**
   * @param statements without terminators, with states as in {@link SqlStates}
   */
  static Statements of(String... statements) {
    return new Statements(
        Arrays.stream(statements)
            .map(s -> SqlStates.expand(s).strip())
            .collect(Collectors.joining(";\n")));
  }

  void run(Handle h, Consumer<Query> values) {
    run(h, values, results -> true);
  }

  /**
   * @param reading gets the results of all statements; they are closed when it returns
   */
  <T> T run(Handle h, Consumer<Query> values, Function<Results, T> reading) {
    Query query = h.createQuery(text);
    values.accept(query);
    return query.execute(
        (executed, ctx) -> {
          try (ctx) {
            return reading.apply(Results.of(executed.get()));
          }
        });
  }

  @Override
  public String toString() {
    return text;
  }
}
