/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.run.Attempt;
import io.luigioperator.run.FailureCause;
import io.luigioperator.run.Run;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The statements that docs/operations.md gives to operators fit the tables. */
interface DocumentationTests extends SqlFixture {

  Pattern BLOCK = Pattern.compile("^ *```sql\n(.*?)^ *```$", Pattern.MULTILINE | Pattern.DOTALL);

  default List<String> statements(String verb) {
    try {
      return BLOCK
          .matcher(Files.readString(Path.of("../docs/operations.md")))
          .results()
          .flatMap(block -> Stream.of(block.group(1).replaceAll("(?m)^ *--.*$", "").split(";")))
          .map(String::strip)
          .filter(statement -> statement.startsWith(verb + " "))
          .toList();
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  default void everyDocumentedQueryFindsWhatItIsFor() {
    finish(bound(accepted(RunBuilder.named("failed").client("globex"))), FailureCause.EVICTED)
        .orElseThrow();
    claimed(accepted(RunBuilder.named("live")));
    ledger().clusters().register(ONE, true);
    List<String> queries = statements("SELECT");
    assertThat(queries).hasSizeGreaterThanOrEqualTo(4);
    for (String query : queries) {
      assertThat(sql().handle().createQuery(query).mapToMap().list()).as(query).isNotEmpty();
    }
  }

  @Test
  default void afterARestoreFencesAreHigherThanAnyThatWasUsed() {
    Run run = accepted(RunBuilder.named("r"));
    Attempt before = bound(run);
    List<String> changes = statements("UPDATE");
    assertThat(changes).hasSize(2);
    changes.forEach(change -> sql().handle().execute(change));

    finish(reload(before), FailureCause.POD_DELETED).orElseThrow();
    ledger().maintenance().due(100);
    assertThat(claimed(run).ref().fence()).isGreaterThan(before.ref().fence() + 1_000_000);
    assertThat(brokenInvariants(metrics())).isZero();
  }
}
