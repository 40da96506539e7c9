/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * What MySQL 9 and MariaDB 11.4 accept in a migration and MySQL 8.4 does not. Anything else that is
 * new in MySQL 9 is refused by MariaDB 11.4, on which every migration and every statement is
 * tested.
 */
class MySql84Test {

  /** As its own clause, which all of them enforce. */
  private static final Pattern FOREIGN_KEY =
      Pattern.compile("(?i)\\bFOREIGN\\s+KEY\\s*\\w*\\s*\\([^)]*\\)\\s*REFERENCES\\b");

  private static final Pattern NOT_IN_8_4 =
      Pattern.compile(
          // in the definition of a column: 8.4 reads it and creates no foreign key
          "(?i)\\bREFERENCES\\b"
              // a syntax error in 8.4
              + "|\\bVIEW\\s+IF\\s+NOT\\s+EXISTS\\b");

  private static final Pattern TEXT = Pattern.compile("--[^\\n]*|'(?:[^']|'')*'");

  private static List<String> notIn84(String sql) {
    String code = TEXT.matcher(sql).replaceAll(" ");
    return NOT_IN_8_4
        .matcher(FOREIGN_KEY.matcher(code).replaceAll(" "))
        .results()
        .map(MatchResult::group)
        .toList();
  }

  @Test
  void recognisesWhat84DoesNotHave() {
    assertThat(notIn84("CREATE TABLE a (b INT NOT NULL REFERENCES c (b))")).hasSize(1);
    assertThat(notIn84("create view if not exists a as select 1")).hasSize(1);
  }

  @Test
  void acceptsWhat84Has() {
    assertThat(notIn84("CREATE TABLE a (b INT, FOREIGN KEY (b) REFERENCES c (b))")).isEmpty();
    assertThat(notIn84("CREATE TABLE a (b INT, FOREIGN KEY b_c (b) REFERENCES c (b))")).isEmpty();
    assertThat(notIn84("CREATE TABLE a (b INT COMMENT 'references c') -- references c")).isEmpty();
    assertThat(notIn84("CREATE OR REPLACE VIEW a AS SELECT 1")).isEmpty();
  }

  @Test
  void noMigrationUsesWhat84DoesNotHave() throws IOException {
    try (Stream<Path> files = Files.list(Path.of("src/main/resources/db/migration"))) {
      List<Path> migrations = files.filter(f -> f.toString().endsWith(".sql")).toList();

      assertThat(migrations)
          .isNotEmpty()
          .allSatisfy(f -> assertThat(notIn84(Files.readString(f))).isEmpty());
    }
  }
}
