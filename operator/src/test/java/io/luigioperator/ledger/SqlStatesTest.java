/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.luigioperator.run.AttemptState;
import io.luigioperator.run.RunState;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class SqlStatesTest {

  private static final Pattern LITERAL =
      Pattern.compile(
          Stream.of(RunState.values(), AttemptState.values())
              .flatMap(Arrays::stream)
              .map(Enum::name)
              .collect(Collectors.joining("|", "['\"](", ")['\"]")));

  private static List<String> literalsIn(String text) {
    return LITERAL.matcher(text).results().map(MatchResult::group).toList();
  }

  private static List<Path> files(String folder, String ending) throws IOException {
    try (Stream<Path> files = Files.walk(Path.of(folder))) {
      List<Path> found = files.filter(f -> f.toString().endsWith(ending)).toList();
      assertThat(found).isNotEmpty();
      return found;
    }
  }

  @Test
  void namesBecomeLiterals() {
    assertThat(SqlStates.expand("state = {READY} OR state <> {ENDED}"))
        .isEqualTo("state = 'READY' OR state <> 'ENDED'");
    assertThat(SqlStates.expand("{WAITING}")).isEqualTo("'READY', 'DELAYED', 'HELD'");
    assertThat(SqlStates.expand("{NOT_FINAL}")).isEqualTo("'READY', 'DELAYED', 'HELD', 'ACTIVE'");
    assertThatThrownBy(() -> SqlStates.expand("state = {LOST}")).hasMessageContaining("{LOST}");
  }

  @Test
  void everyStateIsEitherWaitingOrActiveOrTerminal() {
    for (RunState state : RunState.values()) {
      long classes =
          Stream.of(state.isWaiting(), state.isFinal(), state == RunState.ACTIVE)
              .filter(is -> is)
              .count();
      assertThat(classes).as("%s", state).isEqualTo(1);
    }
  }

  @Test
  void noStatementWritesAStateItself() throws IOException {
    for (Path file : files("src/main/java/io/luigioperator/ledger", ".java")) {
      assertThat(literalsIn(Files.readString(file))).as("%s", file).isEmpty();
    }
  }

  /**
   * Generated columns need literals: the end of an attempt, held runs, and those that count against
   * the limit of a schedule.
   */
  @Test
  void theTablesKnowFewStatesOnly() throws IOException {
    TreeSet<String> literals = new TreeSet<>();
    for (Path file : files("src/main/resources/db/migration", ".sql")) {
      literals.addAll(literalsIn(Files.readString(file)));
    }
    assertThat(literals).containsExactly("'ACTIVE'", "'DELAYED'", "'ENDED'", "'HELD'", "'READY'");
  }
}
