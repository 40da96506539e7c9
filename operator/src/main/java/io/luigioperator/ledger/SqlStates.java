/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import io.luigioperator.run.AttemptState;
import io.luigioperator.run.RunState;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * States of runs and attempts in SQL text. Statements name them as {@code {READY}} or {@code
 * {NOT_FINAL}}; the lists follow from the enums, so that a new state cannot be forgotten in a
 * query.
 */
final class SqlStates {

  private static final Pattern NAME = Pattern.compile("\\{(\\w+)}");

  private static final Map<String, String> LITERALS = literals();

  private SqlStates() {}

  /**
   * Puts literals in the place of names: of one state, or for {@code IN (...)} of the {@code
   * WAITING} runs (no live attempt, not ended), of those that are {@code FINAL} and of those that
   * are {@code NOT_FINAL}.
   */
  static String expand(String statement) {
    return NAME.matcher(statement)
        .replaceAll(
            m -> {
              String literal = LITERALS.get(m.group(1));
              if (literal == null) {
                throw new IllegalArgumentException("not a state or a list of states: " + m.group());
              }
              return Matcher.quoteReplacement(literal);
            });
  }

  private static Map<String, String> literals() {
    Map<String, String> literals = new HashMap<>();
    for (RunState state : RunState.values()) {
      literals.put(state.name(), literal(state));
    }
    for (AttemptState state : AttemptState.values()) {
      literals.put(state.name(), literal(state));
    }
    literals.put("WAITING", list(RunState::isWaiting));
    literals.put("NOT_FINAL", list(state -> !state.isFinal()));
    literals.put("FINAL", list(RunState::isFinal));
    return literals;
  }

  private static String list(Predicate<RunState> wanted) {
    return Arrays.stream(RunState.values())
        .filter(wanted)
        .map(SqlStates::literal)
        .collect(Collectors.joining(", "));
  }

  private static String literal(Enum<?> state) {
    return "'" + state.name() + "'";
  }
}
